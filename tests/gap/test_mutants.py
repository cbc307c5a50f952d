"""The proof sees what it must: netctl with a mistake does not pass it, and netctl that is merely slow does."""

from __future__ import annotations

from pathlib import Path

import pytest

from inventory.archive import Archive
from state.phases import phases
from tests.gap import changes, mutants
from tests.gap.fleet import Street
from tests.gap.walk import SLOW, Tally, walk

CHANGES = 60
"""So many a mutant may survive; most do not get further than ten."""


def _walked(tmp_path: Path, program: Path, content: Archive | None, number: int = CHANGES) -> Tally:
    with Street(tmp_path / "street", content) as street:
        return walk(street, program, changes.walk(), number, SLOW, patience=1)


def test_tables_edited_in_place_are_seen(tmp_path: Path, program: Path) -> None:
    tally = _walked(tmp_path, program, mutants.in_place())
    assert tally.faults


@pytest.mark.parametrize("edits", [mutants.TWICE, mutants.LATE], ids=["twice", "late"])
def test_the_word_read_at_the_wrong_time_is_seen(
    tmp_path: Path, program: Path, edits: tuple[mutants.Edit, ...]
) -> None:
    tally = _walked(tmp_path, program, mutants.programs(tmp_path / "bpf", edits))
    assert tally.faults


def test_programs_that_are_slow_and_right_pass(tmp_path: Path, program: Path) -> None:
    tally = _walked(tmp_path, program, mutants.programs(tmp_path / "bpf", mutants.SLOW), 20)
    assert tally.inexact == []
    assert tally.faults == []


def test_hosts_that_change_one_after_the_other_without_phases_are_seen(tmp_path: Path, program: Path) -> None:
    with Street(tmp_path / "street", phased=lambda hosts, cluster: phases(hosts)) as street:
        tally = walk(street, program, changes.walk(), CHANGES, SLOW, patience=1)
    assert tally.faults
