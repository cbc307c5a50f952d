"""Who reaches whom is what the engine says of every single flow, whatever is grouped, joined or left out."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import ip_address, ip_network
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from state.cluster import Cluster
from state.policy import parties
from state.policy.engine import engine_of
from state.policy.groups import OTHER_HOSTS, OWN_HOST, Group, groups
from state.policy.labels import HOST, REMOTE_NODE
from state.policy.matrix import asked, matrix, reach
from state.policy.parties import Party
from state.policy.portset import EVERY_PORT, PortSet
from state.policy.rules import LAST, PROTOCOLS
from tests.policy import generate
from tests.policy.clusters import Pod, cluster
from tests.policy.hosts import document

SPANS = st.lists(
    st.tuples(st.sampled_from(PROTOCOLS), st.integers(0, 12), st.integers(0, 12)).map(
        lambda found: (found[0], min(found[1:]), max(found[1:]))
    ),
    max_size=4,
)


def points(found: PortSet) -> set[tuple[str, int]]:
    """The ports one by one."""
    return {(protocol, port) for protocol, first, last in found.ranges for port in range(first, last + 1)}


@given(SPANS, SPANS)
def test_sets_of_ports_are_sets(left: Any, right: Any) -> None:
    one, other = PortSet.of(left), PortSet.of(right)
    assert points(one | other) == points(one) | points(other)
    assert points(one - other) == points(one) - points(other)
    assert points(one & other) == points(one) & points(other)
    assert (one == other) == (points(one) == points(other))
    assert one.size == len(points(one))
    assert one & EVERY_PORT == EVERY_PORT & one == one
    assert not one - EVERY_PORT


def sources(state: Cluster, subject: str) -> Iterator[tuple[Party, int]]:
    """Everybody, address by address, with the identity that the hosts among them have to the subject."""
    for endpoint in state.endpoints.values():
        for address in (endpoint.ipv4, endpoint.ipv6):
            if address is not None:
                yield parties.at(state, address), 0
    for host in state.hosts.values():
        for address in parties.of_host(host).addresses[:2]:
            yield parties.at(state, address), HOST if host.name == state.endpoints[subject].host else REMOTE_NODE
    for text in generate.WORLD:
        yield parties.at(state, ip_address(text)), 0


def belongs(found: tuple[Group, ...], party: Party, host: int) -> Group:
    """The group that somebody is in."""
    if party.endpoint is not None:
        return next(group for group in found if party.endpoint.key in group.members and group.kind == "endpoints")
    if party.host is not None:
        return next(group for group in found if group.name == (OWN_HOST if host == HOST else OTHER_HOSTS))
    around = [group for group in found if group.kind == "world" and party.addresses[0] in ip_network(group.members[0])]
    return max(around, key=lambda group: ip_network(group.members[0]).prefixlen)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(generate.pods(), generate.documents(), st.randoms(use_true_random=False))
def test_what_is_true_of_a_group_is_true_of_each_flow_of_each_member(
    pods: list[Pod], bodies: list[dict[str, Any]], random: Any
) -> None:
    state = cluster(pods, [document(body, number) for number, body in enumerate(bodies, 1)])
    engine = engine_of(state)
    found = groups(engine)
    for key, endpoint in state.endpoints.items():
        for party, host in sources(state, key):
            version = party.addresses[0].version
            own = parties.of_endpoint(endpoint).by(version)
            if not own.addresses or party.name == key:
                continue
            there = belongs(found, party, host)
            mine = belongs(found, own, 0)
            for source, target, ends in ((there, mine, (party, own)), (mine, there, (own, party))):
                protocol, port = random.choice(generate.PROBES)
                if version == 6 and protocol == "ICMP":
                    protocol, port = "ICMPV6", {8: 128, 3: 1}[port]
                verdict = engine.decide(*ends, protocol, port)
                if source.name == OWN_HOST:
                    assert verdict.allowed
                    continue
                assert asked(source, target)
                passes = reach(engine, source, target)[version]
                assert verdict.allowed == bool(passes & PortSet(((protocol, port, port),))), (ends, protocol, port)


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(generate.pods(), generate.documents())
def test_the_matrix_holds_every_pair_that_a_policy_can_be_about(pods: list[Pod], bodies: list[dict[str, Any]]) -> None:
    state = cluster(pods, [document(body, number) for number, body in enumerate(bodies, 1)])
    found = matrix(state)
    names = [group.name for group in found.groups]
    assert len(names) == len(set(names))
    members = [member for group in found.groups if group.kind == "endpoints" for member in group.members]
    assert sorted(members) == sorted(state.endpoints)
    for source in found.groups:
        for target in found.groups:
            cell = found.reach(source, target)
            assert (cell is not None) == asked(source, target)
            for version, ports in (cell or {}).items():
                assert all(last <= LAST[protocol] for protocol, _, last in ports.ranges)
                assert version in source.addresses.keys() & target.addresses.keys()
    blocks = [block for group in found.groups if group.kind == "world" for block in group.members]
    assert len(blocks) == len(set(blocks))
