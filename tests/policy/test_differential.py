"""Engine, naive evaluator and compiled tables say the same about random clusters, documents and probes."""

from __future__ import annotations

import os
from collections.abc import Iterator
from ipaddress import ip_address
from typing import Any

from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from state.cluster import Cluster
from state.manifest import Document
from state.policy import parties
from state.policy.compiler import compile_policies
from state.policy.encode import encode
from state.policy.engine import Engine
from state.policy.lookup import look_up
from state.policy.parties import Party
from state.policy.tables import Block, Encoded, Logical, Peer, Tunnel, policy_address
from state.problem import Source
from tests.policy import generate, naive
from tests.policy.clusters import Pod, cluster

EXAMPLES = int(os.environ.get("NETCTL_EXAMPLES", "150"))


def document(body: dict[str, Any], number: int) -> Document:
    """A generated document, each on a line of its own."""
    metadata = body["metadata"]
    place = Source("generated.yaml", number)
    return Document(body["kind"], metadata.get("namespace", ""), metadata["name"], body, {(): place}, place)


def tables(state: Cluster, host: str) -> Encoded:
    """The tables of one host, as the kinds would put them together."""
    compiled = compile_policies(state, host)
    peers: dict[str, Peer] = {}
    for endpoint in state.endpoints.values():
        local = endpoint.host == host
        for address in (endpoint.ipv4, endpoint.ipv6):
            if address is not None:
                number = 0 if local else state.hosts[endpoint.host].number
                peers[str(address)] = Peer(endpoint.identity, number, endpoint.id if local else 0)
    for other in state.hosts.values():
        for address in parties.of_host(other).addresses:
            peers[str(address)] = Peer(1 if other.name == host else 6, 0, 0)
    policies = {policy_address(*key): policy for key, policy in compiled.policies.items()}
    tunnels = {str(other.number): Tunnel(str(other.underlay.ipv4)) for other in state.hosts.values()}
    return encode(Logical(peers, tunnels, {text: Block(flag) for text, flag in compiled.blocks.items()}, policies))


def ends(state: Cluster) -> Iterator[Party]:
    """Every endpoint and host with each of its addresses alone, and some of the world."""
    for endpoint in state.endpoints.values():
        for address in (endpoint.ipv4, endpoint.ipv6):
            if address is not None:
                yield parties.at(state, address)
    for host in state.hosts.values():
        for address in parties.of_host(host).addresses[:2]:
            yield parties.at(state, address)
    for text in generate.WORLD:
        yield parties.at(state, ip_address(text))


def plain(state: Cluster, party: Party) -> naive.End:
    """A party as the naive evaluator wants it."""
    address = str(party.addresses[0])
    if party.endpoint is not None:
        endpoint = party.endpoint
        ports: dict[str, list[tuple[int, str]]] = {}
        for other in state.endpoints.values():
            if other.identity == endpoint.identity:
                for name, port in other.ports.items():
                    ports.setdefault(name, []).append((port.number, port.protocol))
        space = dict(state.namespaces[endpoint.namespace].labels)
        labels = dict(endpoint.labels)
        return naive.End("endpoint", endpoint.key, address, endpoint.host, endpoint.namespace, labels, space, ports)
    if party.host is not None:
        return naive.End("host", party.host.name, address, party.host.name)
    return naive.End("world", party.name, address)


def compiled_verdict(hosts: dict[str, Encoded], source: Party, destination: Party, protocol: str, port: int) -> bool:
    """What the tables of the source's and the destination's hosts say together."""
    left, right = str(source.addresses[0]), str(destination.addresses[0])
    found = True
    if source.endpoint is not None:
        found = look_up(hosts[source.endpoint.host], "egress", left, right, protocol, port).allowed
    if destination.endpoint is not None:
        found = found and look_up(hosts[destination.endpoint.host], "ingress", right, left, protocol, port).allowed
    return found


@settings(
    max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)
@given(generate.pods(), generate.documents(), st.randoms(use_true_random=False))
def test_engine_naive_evaluator_and_tables_agree(pods: list[Pod], bodies: list[dict[str, Any]], random: Any) -> None:
    state = cluster(pods, [document(body, number) for number, body in enumerate(bodies, 1)])
    engine = Engine(state)
    hosts = {host: tables(state, host) for host in state.hosts}
    everyone = list(ends(state))
    for source in everyone:
        for destination in everyone:
            version = source.addresses[0].version
            if version != destination.addresses[0].version or source.name == destination.name:
                continue
            if source.endpoint is None and destination.endpoint is None:
                continue
            for protocol, port in random.sample(generate.PROBES, 3):
                if version == 6 and protocol == "ICMP":
                    protocol, port = "ICMPV6", {8: 128, 3: 1}[port]
                verdict = engine.decide(source, destination, protocol, port)
                packet = naive.Packet(plain(state, source), plain(state, destination), protocol, port)
                assert verdict.allowed == naive.allowed(bodies, packet, "shop"), (packet, verdict)
                seen = compiled_verdict(hosts, source, destination, protocol, port)
                assert seen == verdict.allowed, (packet, verdict)
    note(bodies)


def note(bodies: list[dict[str, Any]]) -> None:
    """Say how often the traps occur: pytest --hypothesis-show-statistics prints it."""
    text = str(bodies)
    for word in ("Deny'", "except", "endPort", "nosuch", "ipBlock", "enableDefaultDeny", "icmps", "NotIn"):
        if word in text:
            event(f"has {word}")
