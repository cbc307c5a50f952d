"""Engine, naive evaluator and compiled tables say the same about random clusters, documents and probes."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from ipaddress import ip_address
from typing import Any

from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from state.cluster import Cluster
from state.policy import parties
from state.policy.documents import read
from state.policy.engine import Engine
from state.policy.parties import Party
from state.policy.tables import Encoded
from state.problem import errors
from tests.policy import generate, naive
from tests.policy.clusters import Pod, cluster
from tests.policy.hosts import document, tables
from tests.policy.lookup import look_up

EXAMPLES = int(os.environ.get("NETCTL_EXAMPLES", "80"))


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
        return naive.End("host", party.host.name, address, party.host.name, labels=dict(party.host.labels))
    return naive.End("nobody" if party.nobody else "world", party.name, address)


def compiled_verdict(hosts: Mapping[str, Encoded], source: Party, destination: Party, protocol: str, port: int) -> bool:
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
    hosts = tables(state)
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


@settings(
    max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)
@given(
    generate.pods(),
    generate.documents(),
    generate.host_policies(),
    generate.hosts_labels(),
    st.randoms(use_true_random=False),
)
def test_engine_and_naive_evaluator_agree_about_hosts(
    pods: list[Pod], bodies: list[Any], more: list[Any], labels: dict[str, dict[str, str]], random: Any
) -> None:
    """Policies about hosts beside those about endpoints; the tables cannot say the former yet."""
    bodies = [*bodies, *more]
    documents = [document(body, number) for number, body in enumerate(bodies, 1)]
    rules, problems = read(documents)
    assert {problem.summary.split(".")[-1] for problem in errors(problems)} == {"nodeSelector yet"}
    state = cluster(pods, documents, hosts_labels=labels)
    engine = Engine(state, rules)
    everyone = list(ends(state))
    for source in everyone:
        for destination in everyone:
            version = source.addresses[0].version
            if version != destination.addresses[0].version or (source.world and destination.world):
                continue
            protocol, port = random.choice(generate.PROBES)
            if version == 6 and protocol == "ICMP":
                protocol, port = "ICMPV6", {8: 128, 3: 1}[port]
            verdict = engine.decide(source, destination, protocol, port)
            packet = naive.Packet(plain(state, source), plain(state, destination), protocol, port)
            assert verdict.allowed == naive.allowed(bodies, packet, "shop"), (packet, verdict)


def note(bodies: list[dict[str, Any]]) -> None:
    """Say how often the traps occur: pytest --hypothesis-show-statistics prints it."""
    text = str(bodies)
    for word in (
        "Deny'",
        "except",
        "endPort",
        "nosuch",
        "ipBlock",
        "enableDefaultDeny",
        "icmps",
        "NotIn",
        *generate.GROUPED,
    ):
        if word in text:
            event(f"has {word}")
