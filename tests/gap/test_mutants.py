"""The proof sees what it must: netctl with a mistake does not pass it, and netctl that is merely slow does."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from inventory.archive import Archive
from state.cluster import Cluster
from state.phases import Phase
from state.plan import HostPlan
from tests.gap import changes, mutants
from tests.gap.fleet import Street
from tests.gap.walk import SLOW, Tally, walk

CHANGES = 100
"""So many a mutant may survive; none was seen to get further than thirty."""


def _walked(tmp_path: Path, program: Path, content: Archive | None, number: int = CHANGES) -> Tally:
    with Street(tmp_path / "street", content) as street:
        return walk(street, program, changes.walk(), number, SLOW, patience=1)


def _raced(folder: Path, edits: tuple[mutants.Edit, ...]) -> Archive:
    return mutants.agent(mutants.programs(folder / "bpf", edits), mutants.with_module("hold"))


def test_tables_edited_in_place_are_seen(tmp_path: Path, program: Path) -> None:
    tally = _walked(tmp_path, program, mutants.agent(mutants.with_module("in_place")))
    assert tally.faults


@pytest.mark.parametrize("edits", [mutants.TWICE, mutants.LATE], ids=["twice", "late"])
def test_the_word_read_at_the_wrong_time_is_seen(
    tmp_path: Path, program: Path, edits: tuple[mutants.Edit, ...]
) -> None:
    tally = _walked(tmp_path, program, _raced(tmp_path, edits))
    assert tally.faults


def test_programs_that_lose_the_race_and_are_right_pass(tmp_path: Path, program: Path) -> None:
    tally = _walked(tmp_path, program, _raced(tmp_path, mutants.SLOW), 30)
    assert tally.inexact == []
    assert tally.faults == []


def _one_after_the_other(hosts: Sequence[HostPlan], cluster: Cluster) -> tuple[Phase, ...]:
    """Every host whole, and none before the one before it: as tools do that know nothing of phases."""
    return tuple(Phase(host.host, {host.host: host.changes}) for host in hosts if host.changes)


def test_hosts_that_change_one_after_the_other_are_seen(tmp_path: Path, program: Path) -> None:
    with Street(tmp_path / "street", phased=_one_after_the_other) as street:
        tally = walk(street, program, changes.walk(), CHANGES, SLOW, patience=1)
    assert tally.faults
