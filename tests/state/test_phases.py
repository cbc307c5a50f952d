"""A fleet on its way from one policy to another: what both allow always passes, what both deny never does.

Every host is judged by the executable model of the datapath over the tables it has in its phase; hosts that have taken
a step and hosts that have not are mixed in every way. Packets are not sent here: tests/gap does that.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from ipaddress import IPv4Address
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from state.change import Action, Change, Found
from state.cluster import Cluster
from state.kinds import KINDS
from state.kinds.device import Device
from state.kinds.endpoint import Entry
from state.kinds.generation import NOTHING, changed
from state.phases import TABLES, phases
from state.plan import HostPlan, Observation, for_host
from state.policy.decode import decode
from state.policy.encode import encode
from state.policy.tables import Encoded, Logical
from tests.cli.fake_fleet import facts
from tests.policy import generate
from tests.policy.clusters import Pod, cluster
from tests.policy.hosts import document
from tests.policy.lookup import look_up

HOSTS = ("alpha", "beta", "gamma")
OF_TABLES = tuple(kind for kind in KINDS if kind.name in TABLES)
SLOW = (HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much)
FACTS = {name: facts(number) for number, name in enumerate(HOSTS, 1)}


def plan(state: Cluster, host: str, tables: Logical) -> HostPlan:
    """What turns a host's tables into what the cluster wants."""
    found = {
        "peer": tables.peers,
        "tunnel": tables.tunnels,
        "block": tables.blocks,
        "policy": tables.policies,
    }
    seen = {kind: {address: Found(value) for address, value in values.items()} for kind, values in found.items()}
    return for_host(OF_TABLES, state, host, Observation(FACTS[host], seen))


def applied(state: Cluster, tables: Mapping[str, Logical]) -> Iterator[Mapping[str, Logical]]:
    """The tables of all hosts after each phase."""
    now = dict(tables)
    for phase in phases([plan(state, host, now[host]) for host in HOSTS], state):
        # through the numbers and back, as on a host: what they cannot hold must not be counted on
        now = {host: decode(encode(changed(now[host], phase.changes.get(host, ())))) for host in HOSTS}
        yield now


def numbered_alike(old: Cluster, new: Cluster) -> Cluster:
    """`new` with the identity numbers of `old` where labels are the same, and numbers of its own elsewhere."""
    numbers = {labels: number for number, labels in old.identities.items()}
    following = max(numbers.values()) + 1
    for labels in new.identities.values():
        if labels not in numbers:
            numbers[labels], following = following, following + 1
    endpoints = {
        key: replace(endpoint, identity=numbers[endpoint.identity_labels]) for key, endpoint in new.endpoints.items()
    }
    return replace(new, endpoints=endpoints, identities={numbers[labels]: labels for labels in new.identities.values()})


def passes(source: Encoded, target: Encoded, flow: tuple[str, str, str, int], overlay: bool) -> bool:
    """Whether a flow between endpoints passes, judged at both ends. In an overlay the sender says who it is."""
    left, right, protocol, port = flow
    if left not in source.peers or right not in target.peers or right not in source.peers:
        return False
    if left not in target.peers:
        return False
    if not source.peers[left].endpoint or not target.peers[right].endpoint:
        return False
    if not look_up(source, "egress", left, right, protocol, port).allowed:
        return False
    if overlay:
        told = replace(target.peers[left], identity=source.peers[left].identity)
        target = replace(target, peers={**target.peers, left: told})
    return look_up(target, "ingress", right, left, protocol, port).allowed


def flows(old: Cluster, new: Cluster) -> Iterator[tuple[str, str, str, str, tuple[str, str, str, int]]]:
    """Every pair of endpoints that both clusters have, by key and host, with a few ports."""
    for one in old.endpoints.values():
        for other in old.endpoints.values():
            if one.key == other.key or one.key not in new.endpoints or other.key not in new.endpoints:
                continue
            for left, right in ((one.ipv4, other.ipv4), (one.ipv6, other.ipv6)):
                if left is not None and right is not None:
                    for protocol, port in (("TCP", 80), ("TCP", 443), ("UDP", 53)):
                        yield one.key, other.key, one.host, other.host, (str(left), str(right), protocol, port)


def whole(old: Cluster, new: Cluster) -> frozenset[int]:
    """The identities whose endpoints all go the same way: of these nothing is lost and nothing slips through."""
    goes: dict[int, set[int]] = {}
    for key, endpoint in old.endpoints.items():
        goes.setdefault(endpoint.identity, set()).add(new.endpoints[key].identity if key in new.endpoints else 0)
    return frozenset(identity for identity, targets in goes.items() if len(targets) == 1)


@settings(max_examples=30, deadline=None, suppress_health_check=SLOW)
@given(
    generate.pods(),
    generate.documents(),
    generate.documents(),
    st.lists(generate.labels(), min_size=6, max_size=6),
    st.lists(st.integers(0, 3), min_size=6, max_size=6),
    st.booleans(),
)
def test_between_two_policies_nothing_both_allow_is_lost_and_nothing_both_deny_passes(
    pods: list[Pod], first: Any, second: Any, labels: Any, relabel: list[int], overlay: bool
) -> None:
    old = cluster(pods, [document(body, number) for number, body in enumerate(first, 1)])
    moved = [replace(pod, labels=labels[i]) if relabel[i] == 0 else pod for i, pod in enumerate(pods)]
    new = numbered_alike(old, cluster(moved, [document(body, number) for number, body in enumerate(second, 1)]))
    states: list[Mapping[str, Logical]] = [
        {host: next(_last(applied(old, dict.fromkeys(HOSTS, NOTHING))))[host] for host in HOSTS}
    ]
    states += list(applied(new, states[0]))
    encoded = [{host: encode(tables) for host, tables in state.items()} for state in states]
    exact = whole(old, new)
    assume(len(encoded) > 1)
    for one, other, sender, receiver, flow in flows(old, new):
        if not {old.endpoints[one].identity, old.endpoints[other].identity} <= exact:
            continue
        verdicts = [passes(hosts[sender], hosts[receiver], flow, overlay) for hosts in (encoded[0], encoded[-1])]
        if verdicts[0] != verdicts[1]:
            continue
        for before, after in zip(encoded, encoded[1:]):
            for left, right in ((before, before), (before, after), (after, before), (after, after)):
                if sender == receiver and left is not right:
                    continue
                assert passes(left[sender], right[receiver], flow, overlay) is verdicts[0], (one, other, flow)


def _last(states: Iterator[Any]) -> Iterator[Any]:
    found = list(states)
    yield found[-1] if found else dict.fromkeys(HOSTS, NOTHING)


ENTRY = Entry("nc-0001", "0a:6e:0a:2a:00:02", "0a:6e:00:00:00:01", IPv4Address("10.42.0.2"), None)


@pytest.mark.parametrize(("audited", "phase"), [(True, "expand"), (False, "contract")])
def test_an_endpoint_is_audited_from_before_the_policies_change_until_after(audited: bool, phase: str) -> None:
    change = Change("endpoint", "1", Action.UPDATE, replace(ENTRY, audit=not audited), replace(ENTRY, audit=audited))
    made = phases([HostPlan("alpha", (change,))], cluster([], []))
    assert [(item.name, dict(item.changes)) for item in made] == [(phase, {"alpha": (change,)})]


@settings(max_examples=20, deadline=None, suppress_health_check=SLOW)
@given(generate.pods(), generate.documents(), generate.documents())
def test_after_the_last_phase_nothing_is_left_to_do(pods: list[Pod], first: Any, second: Any) -> None:
    old = cluster(pods, [document(body, number) for number, body in enumerate(first, 1)])
    new = cluster(pods, [document(body, number) for number, body in enumerate(second, 1)])
    now = next(_last(applied(old, dict.fromkeys(HOSTS, NOTHING))))
    now = (list(applied(new, now)) or [now])[-1]
    assert [change for host in HOSTS for change in plan(new, host, now[host]).changes] == []


def test_what_has_the_place_of_something_new_goes_before_it_is_made() -> None:
    taken = Device("veth", "02:00:00:00:00:01", 1450, "netctl.shop.old", netns="a", peer="eth0")
    other = replace(taken, mark="netctl.shop.other", netns="b")
    changes = (
        Change("device", "nc-0001", Action.DELETE, taken, None),
        Change("device", "nc-0002", Action.CREATE, None, replace(taken, mark="netctl.shop.new")),
        Change("device", "nc-0003", Action.DELETE, other, None),
    )
    made = phases([HostPlan("alpha", changes)], cluster([], []))
    assert [(phase.name, [change.address for change in phase.changes["alpha"]]) for phase in made] == [
        ("expand", ["nc-0001", "nc-0002"]),
        ("contract", ["nc-0003"]),
    ]
