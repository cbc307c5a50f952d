"""No gap in a change: what both policies allow is never lost, what both deny never passes, over hundreds of changes."""

from __future__ import annotations

from itertools import islice
from pathlib import Path

import pytest

from state.phases import NAMES
from tests.gap import changes
from tests.gap.fleet import Street
from tests.gap.walk import RATE, SLOW, Tally, walk

CHANGES = 200
FEWER = 40
EXPECTED = {"denied by default", "denied by rule", "not unicast", "foreign neighbour"}
"""Why packets are dropped: by policy, and what each endpoint's own stack says to its neighbours unasked."""


def _told(tally: Tally, capsys: pytest.CaptureFixture[str]) -> str:
    text = "\n".join(tally.lines())
    with capsys.disabled():
        print(f"\n{text}")
    return text


def test_two_hundred_changes_lose_nothing_and_let_nothing_through(
    tmp_path: Path, program: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with Street(tmp_path / "street") as street:
        tally = walk(street, program, changes.walk(), CHANGES, RATE)
        refused = street.refused()
    text = _told(tally, capsys)
    assert tally.inexact == []
    assert tally.faults == [], f"{text}\ndropped by the datapath: {dict(refused)}"
    assert tally.changes == CHANGES
    assert set(tally.phases) == set(NAMES)
    assert refused.keys() <= EXPECTED


def test_hosts_that_route_for_themselves_have_no_gap_either(tmp_path: Path, program: Path) -> None:
    with Street(tmp_path / "street", mode="native") as street:
        tally = walk(street, program, changes.walk(), FEWER, SLOW)
        refused = street.refused()
    assert tally.inexact == []
    assert tally.faults == [], "\n".join(tally.lines())
    assert refused.keys() <= EXPECTED


def test_the_walk_is_the_same_every_time() -> None:
    first, second = (list(islice(changes.walk(), CHANGES)) for _ in range(2))
    assert first == second
    assert {story.told for story in first[1:]} >= {told for told, _ in changes.CHANGES}
