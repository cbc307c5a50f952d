"""The connectivity diff of random manifests is what a naive evaluator says of every pair, port and block, twice."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import replace
from ipaddress import ip_address, ip_network
from typing import Any

from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from state.cluster import Cluster
from state.policy import parties
from state.policy.connectivity import changed_traffic
from state.policy.parties import Party
from state.traffic import Flow, Participants, Traffic
from tests.policy import generate, moves, naive
from tests.policy.clusters import Pod, cluster
from tests.policy.hosts import document
from tests.policy.test_differential import ends, plain

EXAMPLES = int(os.environ.get("NETCTL_EXAMPLES", "80")) // 2
PORTS = sorted({edge for port in generate.PORTS for edge in (port, port + 1) if edge <= 65535} | {40000})
ASKED = [(protocol, port) for protocol in generate.PROTOCOLS for port in PORTS] + [
    ("ICMP", 3),
    ("ICMP", 8),
    ("ICMP", 0),
]
SIX = {8: 128, 3: 1, 0: 0}
Asked = tuple[str, str, str, int]
"""Source and destination by address, protocol and port."""


def world(state: Cluster) -> Iterator[Party]:
    """An address in every block that generated documents speak of, and outside of each block inside it."""
    texts = {*generate.BLOCKS, *(part for parts in generate.BLOCKS.values() for part in parts)}
    found = {network[place] for network in map(ip_network, texts) for place in (0, -1)}
    for address in sorted({*found, *map(ip_address, generate.WORLD)}, key=lambda item: (item.version, item)):
        party = parties.at(state, address)
        if party.world:
            yield party


def everyone(state: Cluster) -> list[Party]:
    """Every endpoint and host with each of its addresses alone, and the world."""
    return [*(party for party in ends(state) if not party.world), *world(state)]


class Manifest:
    """A manifest, and its documents as the naive evaluator wants them."""

    def __init__(self, state: Cluster, documents: list[dict[str, Any]]) -> None:
        self.state = state
        self._documents = documents
        self._known: dict[tuple[str, Asked], bool] = {}
        self._people = {str(party.addresses[0]): plain(state, party) for party in everyone(state)}

    def half(self, direction: str, asked: Asked) -> bool:
        """What one end says, by this manifest."""
        if (direction, asked) not in self._known:
            one, other, protocol, port = asked
            packet = naive.Packet(self._people[one], self._people[other], protocol, port)
            self._known[direction, asked] = naive.half(self._documents, packet, direction, "shop")
        return self._known[direction, asked]


Fleet = Mapping[str, Manifest]
"""The manifest that each host enforces."""


def allowed(fleet: Fleet, source: Party, target: Party, asked: Asked) -> bool:
    """Whether both ends let a packet pass, each by what its host enforces."""
    passes = source.endpoint is None or fleet[source.endpoint.host].half("egress", asked)
    if target.endpoint is None or (source.host is not None and source.host.name == target.endpoint.host):
        return passes
    return passes and fleet[target.endpoint.host].half("ingress", asked)


def every_flow(state: Cluster) -> Iterator[tuple[Party, Party, Asked]]:
    """All that can be asked: every pair in every family, on every port that anything could be said of."""
    people = everyone(state)
    for source in people:
        for target in people:
            version = source.addresses[0].version
            if version != target.addresses[0].version or source.name == target.name:
                continue
            for protocol, port in ASKED:
                if version == 6 and protocol == "ICMP":
                    protocol, port = "ICMPV6", SIX[port]
                yield source, target, (str(source.addresses[0]), str(target.addresses[0]), protocol, port)


def brute_force(before: Fleet, after: Fleet, state: Cluster) -> dict[Asked, bool]:
    """Every flow whose verdict changes, and what it is afterwards."""
    found: dict[Asked, bool] = {}
    for source, target, asked in every_flow(state):
        was, now = (allowed(fleet, source, target, asked) for fleet in (before, after))
        if was != now:
            found[asked] = now
    return found


def means(end: Participants, party: Party, other: Party) -> bool:
    """Whether a party takes part."""
    if party.endpoint is not None:
        return party.name in end.names
    if party.host is not None:
        own = other.endpoint is not None and other.endpoint.host == party.host.name
        return end.kind == ("host" if own else "remote-node")
    address = party.addresses[0]
    return any(
        address in ip_network(region.cidr) and not any(address in ip_network(part) for part in region.excepts)
        for region in end.regions
    )


def is_about(flow: Flow, source: Party, target: Party, protocol: str, port: int) -> bool:
    """Whether a flow is about this packet."""
    return (
        (not flow.families or source.addresses[0].version in flow.families)
        and any(item.protocol == protocol and item.first <= port <= item.last for item in flow.ports)
        and any(means(end, source, target) for end in flow.sources)
        and any(means(end, target, source) for end in flow.destinations)
    )


def announced(traffic: Traffic, state: Cluster) -> dict[Asked, bool]:
    """The same as the flows tell it; no two tell of the same packet."""
    found: dict[Asked, bool] = {}
    for source, target, asked in every_flow(state) if traffic.flows else ():
        about = [flow.allowed for flow in traffic.flows if is_about(flow, source, target, *asked[2:])]
        assert len(about) < 2, (asked, traffic.flows)
        if about:
            found[asked] = about[0]
    return found


@st.composite
def telling(draw: st.DrawFn) -> dict[str, Any]:
    """A document that lets some in or out by label or address, and seldom everybody or nobody: much depends on it."""
    direction, way = draw(st.sampled_from((("ingress", "from"), ("egress", "to"))))
    name, value = draw(st.sampled_from(generate.KEYS)), draw(st.sampled_from(generate.VALUES))
    subject: dict[str, Any] = draw(st.sampled_from(({}, {"matchLabels": {"app": "a"}})))
    metadata = {"name": f"t{draw(st.integers(0, 99))}"}
    if draw(st.integers(0, 3)) == 0:
        block = draw(st.sampled_from(({"cidr": "10.42.0.0/16", "except": ["10.42.1.0/24"]}, {"cidr": "fd42::/48"})))
        spec = {
            "podSelector": subject,
            "policyTypes": [direction.capitalize()],
            direction: [{way: [{"ipBlock": block}]}],
        }
        space = {"namespace": draw(st.sampled_from(sorted(generate.SPACES)))}
        return {
            "kind": "NetworkPolicy",
            "apiVersion": "networking.k8s.io/v1",
            "metadata": metadata | space,
            "spec": spec,
        }
    entry: dict[str, Any] = {f"{way}Endpoints": [{"matchLabels": {name: value}}]}
    if draw(st.booleans()):
        entry["toPorts"] = [{"ports": [{"port": "80", "endPort": draw(st.sampled_from((80, 443)))}]}]
    spec = {"endpointSelector": subject, direction + draw(st.sampled_from(("", "", "Deny"))): [entry]}
    kind = "CiliumClusterwideNetworkPolicy"
    return {"kind": kind, "apiVersion": "cilium.io/v2", "metadata": metadata, "spec": spec}


def bodies() -> st.SearchStrategy[list[dict[str, Any]]]:
    """Documents of every sort, and some of which much depends."""
    some = st.lists(telling(), min_size=1, max_size=3, unique_by=lambda body: body["metadata"]["name"])
    return st.one_of(
        generate.documents(), some, st.tuples(generate.documents(), some).map(lambda two: [*two[0], *two[1]])
    )


@st.composite
def relabelled(draw: st.DrawFn, pods: list[Pod]) -> list[Pod]:
    """The endpoints of the second manifest: some with other labels, some gone."""
    return [
        replace(pod, labels=draw(generate.labels())) if draw(st.booleans()) else pod
        for place, pod in enumerate(pods)
        if place < 2 or draw(st.integers(0, 5))
    ]


@settings(
    max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)
@given(generate.pods(), bodies(), bodies(), st.data())
def test_the_flows_that_change_are_those_that_a_naive_evaluator_finds(
    pods: list[Pod], first: list[dict[str, Any]], second: list[dict[str, Any]], data: st.DataObject
) -> None:
    kept = data.draw(st.lists(st.sampled_from(first), unique_by=id))
    told = first, [*kept, *second]
    old, new = (
        cluster(people, [document(body, number) for number, body in enumerate(found, 1)])
        for people, found in zip((pods, data.draw(relabelled(pods))), told, strict=True)
    )
    new = moves.numbered(old, new)
    manifests = Manifest(old, told[0]), Manifest(new, told[1])
    # a host may have moved already: what counts is what each enforces, not what the last manifest said
    moved = data.draw(st.sets(st.sampled_from(sorted(new.hosts)), max_size=1))
    before = {host: manifests[host in moved] for host in new.hosts}
    changes = {host: moves.on_host(before[host].state, new, host) for host in new.hosts}
    traffic = changed_traffic(new, changes) or Traffic()
    found = brute_force(before, dict.fromkeys(new.hosts, manifests[1]), new)
    event(f"{'some' if found else 'no'} traffic changes")
    assert announced(traffic, new) == found
