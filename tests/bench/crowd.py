"""A large manifest in memory: endpoints with shared labels on many hosts, and policies of every sort over them."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import Any

from state.cluster import Cluster, Endpoint, Host
from state.manifest import Document, Namespace, Network, Ranges, Ssh, Underlay
from state.policy.labels import identity_labels
from state.problem import Source

SPACES = 20
PLACE = Source("netctl.yaml", 1)


def cluster(endpoints: int, identities: int, policies: int, hosts: int, changed: bool = False) -> Cluster:
    """Replicas of an identity live on different hosts; with `changed`, one policy has another port."""
    spaces = [f"ns{number}" for number in range(SPACES)]
    living = {f"h{number:03}": _host(number) for number in range(1, hosts + 1)}
    names = list(living)
    people: dict[str, Endpoint] = {}
    for number in range(endpoints):
        kind = number % identities
        host = living[names[(number * 7 + number // identities) % hosts]]
        one = _endpoint(number, kind, spaces[kind % SPACES], host, number // hosts + 2)
        people[one.key] = one
    return Cluster(
        "crowd",
        1,
        Network(),
        Ranges(IPv4Network("10.0.0.0/8"), IPv6Network("fd42::/48"), 16),
        living,
        {name: Namespace(name, {}, PLACE) for name in spaces},
        people,
        {endpoint.identity: endpoint.identity_labels for endpoint in people.values()},
        tuple(_documents(policies, identities, changed)),
        (),
    )


def _host(number: int) -> Host:
    own = Underlay(IPv4Address(f"203.0.113.{number}"), IPv6Address(f"2001:db8::{number:x}"))
    slices = IPv4Network(f"10.{number}.0.0/16"), IPv6Network(f"fd42:0:0:{number:x}::/64")
    return Host(f"h{number:03}", number, str(own.ipv4), Ssh(), own, {}, *slices, PLACE)


def _endpoint(number: int, kind: int, space: str, host: Host, place: int) -> Endpoint:
    labels = {"app": f"a{kind}", "tier": f"t{kind % 7}"}
    assert host.slice_ipv4 is not None
    assert host.slice_ipv6 is not None
    return Endpoint(
        space, f"e{number}", host.name, labels, identity_labels(labels, space, {}, "crowd"), 65536 + 256 + kind,
        place, f"e{number}", {}, host.slice_ipv4[place], host.slice_ipv6[place], PLACE,
    )  # fmt: skip


def _documents(policies: int, identities: int, changed: bool) -> Iterator[Document]:
    for number in range(policies):
        space = f"ns{number % SPACES}"
        port = 9999 if changed and number == policies // 2 else 1000 + number
        body: dict[str, Any] = {
            "apiVersion": "cilium.io/v2",
            "kind": "CiliumNetworkPolicy",
            "metadata": {"name": f"p{number}", "namespace": space},
            "spec": _spec(number, identities, port),
        }
        place = Source(f"policies/p{number}.yaml", 5)
        yield Document("CiliumNetworkPolicy", space, f"p{number}", body, {(): place}, place)


def _spec(number: int, identities: int, port: int) -> dict[str, Any]:
    """Ingress from one tier, from another namespace or from a block, or egress to one tier; some deny a range."""
    own = number % SPACES
    app = (number * 2 + own) % identities // SPACES * SPACES + own
    tier = {"matchLabels": {"tier": f"t{number % 7}"}}
    other = {"matchLabels": {"k8s:io.kubernetes.pod.namespace": f"ns{(number + 1) % SPACES}"}}
    block = {"cidr": f"198.{number % 200}.0.0/16", "except": [f"198.{number % 200}.{number % 250}.0/24"]}
    ports = [{"ports": [{"port": str(port), "protocol": "TCP"}, {"port": str(port), "endPort": port + 50}]}]
    few = [{"ports": [{"port": str(port), "endPort": port + 5, "protocol": "TCP"}]}]
    sorts: tuple[dict[str, Any], ...] = (
        {"ingress": [{"fromEndpoints": [tier], "toPorts": ports}]},
        {"ingress": [{"fromEndpoints": [other], "toPorts": ports}]},
        {"ingress": [{"fromCIDRSet": [block], "toPorts": ports}]},
        {"egress": [{"toEndpoints": [tier], "toPorts": ports}]},
        {
            "ingress": [{"fromEndpoints": [{}], "toPorts": ports}],
            "ingressDeny": [{"fromEndpoints": [{"matchLabels": {"tier": "t1"}}], "toPorts": few}],
        },
    )
    return {"endpointSelector": {"matchLabels": {"app": f"a{app}"}}, **sorts[number % len(sorts)]}
