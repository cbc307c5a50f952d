"""The kinds of the datapath with all others: apply then plan is empty, B after A is B, undo is the swap."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bpf.layout import MAPS
from state.change import Change
from state.cluster import Cluster
from state.host.apply import steps
from state.kinds import KINDS
from state.kinds.map import RUNTIME
from state.plan import HostPlan, Observation, for_host, for_removal, scope
from state.problem import HostError
from tests.fake_bpf import OBJECTS
from tests.fake_kernel import FakeKernel
from tests.kinds.test_properties import clusters, host, pairs
from tests.kinds.towns import cluster, gathered, shown

DECLARED = {"generation", "addresses", "hosts", "blocks", "policies", "pages", "verdicts"}
"""The maps that a generation is made of."""


def observed(kernel: FakeKernel, town: Cluster) -> Observation:
    """What a host with compiled objects says of itself."""
    looked = scope(town, "alpha")
    return Observation(
        replace(gathered(kernel), objects=OBJECTS), {kind.name: kind.observe(kernel, looked) for kind in KINDS}
    )


def plan(kernel: FakeKernel, town: Cluster) -> HostPlan:
    """What is to be done on a host."""
    return for_host(KINDS, town, "alpha", observed(kernel, town))


def carry_out(kernel: FakeKernel, changes: tuple[Change, ...]) -> None:
    """Make the changes as the agent does."""
    for kind, part in steps(KINDS, changes):
        kind.apply(kernel, part)


def apply(kernel: FakeKernel, town: Cluster) -> HostPlan:
    """Plan and do it; the plan."""
    made = plan(kernel, town)
    assert made.applicable, made.problems
    carry_out(kernel, made.changes)
    return made


def values(kernel: FakeKernel, town: Cluster) -> dict[str, Any]:
    """What is observed of every kind that comes and goes."""
    return {kind.name: observed(kernel, town).found[kind.name] for kind in KINDS if not kind.lasting}


@settings(max_examples=60, deadline=None)
@given(st.lists(clusters(), min_size=1, max_size=3))
def test_after_apply_nothing_is_left_to_do(wanted: list[Cluster]) -> None:
    kernel = host(frozenset())
    for town in wanted:
        apply(kernel, town)
        assert shown(plan(kernel, town).changes) == []


@settings(max_examples=40, deadline=None)
@given(pairs())
def test_one_state_after_another_is_the_other_state(states: tuple[Cluster, Cluster]) -> None:
    first, second = states
    both, alone = host(frozenset()), host(frozenset())
    apply(both, first)
    apply(both, second)
    apply(alone, second)
    assert values(both, second) == values(alone, second)


@settings(max_examples=40, deadline=None)
@given(pairs())
def test_undo_is_the_swap(states: tuple[Cluster, Cluster]) -> None:
    first, second = states
    kernel = host(frozenset())
    apply(kernel, first)
    before = values(kernel, first)
    made = apply(kernel, second)
    carry_out(kernel, tuple(change.undo() for change in reversed(made.changes)))
    assert values(kernel, first) == before


@settings(max_examples=40, deadline=None)
@given(clusters())
def test_destroy_leaves_nothing(town: Cluster) -> None:
    kernel = host(frozenset())
    before = kernel.spaces[""].links.keys()
    apply(kernel, town)
    carry_out(kernel, for_removal(KINDS, "alpha", observed(kernel, town)).changes)
    bpf = kernel.bpf
    assert (bpf.maps(), bpf.programs(), bpf.attachments()) == ({}, {}, {})
    assert kernel.spaces[""].links.keys() == before


@settings(max_examples=40, deadline=None)
@given(clusters(), st.integers(0, 200))
def test_a_failure_half_way_leaves_what_the_next_apply_ends(town: Cluster, steps_made: int) -> None:
    kernel = host(frozenset())
    changes = plan(kernel, town).changes
    for kind, part in steps(KINDS, changes[:steps_made] if steps_made < len(changes) else changes):
        try:
            kind.apply(kernel, part)
        except HostError:
            break
    apply(kernel, town)
    assert shown(plan(kernel, town).changes) == []


def test_a_change_that_is_not_of_a_generation_is_no_store() -> None:
    kernel = host(frozenset())
    town = cluster(endpoints={"web": "alpha"})
    apply(kernel, town)
    epoch = kernel.bpf.generation().epoch
    kernel.net.delete("nc-0005")
    assert shown(apply(kernel, town).changes)
    assert kernel.bpf.generation().epoch == epoch


@pytest.mark.parametrize("name", sorted(OBJECTS))
def test_a_lost_program_is_loaded_again(name: str) -> None:
    kernel = host(frozenset())
    town = cluster()
    apply(kernel, town)
    kernel.bpf.delete_program(name)
    assert f"+ program {name}" in shown(apply(kernel, town).changes)


def test_every_map_is_declared_or_runtime() -> None:
    assert MAPS.keys() == DECLARED | RUNTIME | {"settings", "endpoints", "devices"}
