"""Whatever was there and whatever is wanted: apply then plan is empty, and destroy leaves what was found."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from state.cluster import Cluster
from state.kernel import Settings
from state.kinds.sysctl import restore
from state.plan import for_removal
from tests.fake_kernel import FakeKernel
from tests.kinds.towns import KINDS_HERE, apply, carry_out, cluster, observed, plan, shown

NAMES: tuple[str, ...] = ("a", "b", "c")


@st.composite
def clusters(draw: st.DrawFn, waiting: tuple[str, ...] = ()) -> Cluster:
    """Small clusters that differ in everything a host sees of them; others make those that are `waiting`."""
    hosts = draw(st.sampled_from([("alpha",), ("alpha", "beta"), ("alpha", "beta", "gamma")]))
    return cluster(
        hosts=hosts,
        endpoints=draw(st.dictionaries(st.sampled_from(NAMES), st.sampled_from(hosts))),
        mode=draw(st.sampled_from(["overlay", "native"])),
        families=draw(st.sampled_from(["4", "6", "46"])),
        port=draw(st.sampled_from([8472, 4789])),
        foreign=waiting,
    )


@st.composite
def pairs(draw: st.DrawFn) -> tuple[Cluster, Cluster]:
    """Two states of one cluster."""
    waiting = tuple(draw(st.frozensets(st.sampled_from(NAMES))))
    return draw(clusters(waiting)), draw(clusters(waiting))


@st.composite
def drifts(draw: st.DrawFn) -> list[tuple[str, int]]:
    """What somebody does to a host: an act, and the number of the thing it is done to."""
    acts = st.sampled_from(["lose", "down", "shrink", "unplug", "forget", "unset", "erase", "leave"])
    return draw(st.lists(st.tuples(acts, st.integers(0, 30)), max_size=4))


def suffer(kernel: FakeKernel, act: str, number: int) -> None:
    """One act of drift."""
    spaces = [(name, space) for name, space in sorted(kernel.spaces.items())]
    netns, space = spaces[number % len(spaces)]
    things, links = sorted(space.things, key=str), sorted(name for name in space.links if name.startswith("nc-"))
    if act == "lose" and things:
        kernel.net.remove([space.things[things[number % len(things)]]])
    elif act in ("down", "shrink") and links:
        change = Settings(up=False) if act == "down" else Settings(mtu=1280)
        kernel.net.configure(links[number % len(links)], change, netns)
    elif act == "unplug" and links:
        kernel.net.delete(links[number % len(links)])
    elif act == "unset":
        kernel.sysctl.write("net/ipv4/ip_forward", "0")
    elif act == "erase":
        kernel.table = None
    elif act == "leave" and netns:
        kernel.netns.delete(netns)
    elif act == "forget":
        kernel.originals.forget()


def host(foreign: frozenset[str]) -> FakeKernel:
    """A host with an uplink and namespaces of somebody else."""
    kernel = FakeKernel()
    kernel.add_link("eth0", up=True)
    for name in foreign:
        kernel.add_netns(name)
    return kernel


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(pairs(), drifts()), min_size=1, max_size=3), st.frozensets(st.sampled_from(NAMES)))
def test_after_apply_nothing_is_left_to_do(
    history: list[tuple[tuple[Cluster, Cluster], list[tuple[str, int]]]], foreign: frozenset[str]
) -> None:
    kernel = host(foreign)
    for (wanted, _), drift in history:
        apply(kernel, wanted)
        assert shown(plan(kernel, wanted).changes) == []
        for act, number in drift:
            suffer(kernel, act, number)
        apply(kernel, wanted)
        assert shown(plan(kernel, wanted).changes) == []


@settings(max_examples=100, deadline=None)
@given(pairs(), st.frozensets(st.sampled_from(NAMES)))
def test_one_state_after_another_is_the_other_state(states: tuple[Cluster, Cluster], foreign: frozenset[str]) -> None:
    first, second = states
    both, alone = host(foreign), host(foreign)
    apply(both, first)
    apply(both, second)
    apply(alone, second)
    assert values(both, second) == values(alone, second)


@settings(max_examples=100, deadline=None)
@given(pairs())
def test_undo_is_the_swap(states: tuple[Cluster, Cluster]) -> None:
    first, second = states
    kernel = host(frozenset())
    apply(kernel, first)
    before = values(kernel, first)
    made = apply(kernel, second)
    carry_out(kernel, tuple(change.undo() for change in reversed(made.changes)))
    assert values(kernel, first) == before


@settings(max_examples=100, deadline=None)
@given(clusters(), st.frozensets(st.sampled_from(NAMES)))
def test_destroy_leaves_what_was_found(wanted: Cluster, foreign: frozenset[str]) -> None:
    kernel = host(foreign)
    before = deepcopy(kernel.spaces), dict(kernel.settings)
    apply(kernel, wanted)
    carry_out(kernel, for_removal(KINDS_HERE, "alpha", observed(kernel, wanted)).changes)
    restore(kernel)
    assert (kernel.spaces, kernel.settings, kernel.table) == (*before, None)


def values(kernel: FakeKernel, wanted: Cluster) -> dict[str, Any]:
    """What is observed of every kind. A setting stays where nobody wants it otherwise: that is destroy's business."""
    return {kind: found for kind, found in observed(kernel, wanted).found.items() if kind != "sysctl"}
