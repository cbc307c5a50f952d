"""Programs are replaced under traffic: nothing is lost, nothing passes, and connections go on."""

from __future__ import annotations

from itertools import cycle, islice
from pathlib import Path

import pytest

from tests.gap import changes, flows, mutants
from tests.gap.fleet import Street
from tests.gap.stream import Stream
from tests.gap.walk import RATE, Walk

TIMES = 20
MIXED = 20
"""The manifest of the walk whose policies allow about half of what is sent."""


def test_programs_are_replaced_without_loss(tmp_path: Path, program: Path, capsys: pytest.CaptureFixture[str]) -> None:
    other = mutants.agent(mutants.programs(tmp_path / "bpf", mutants.OTHER))
    story = next(islice(changes.walk(), MIXED, None))
    with Street(tmp_path / "street") as street:
        cluster = street.load(story)
        street.boot(cluster)
        wanted = flows.flows(cluster, street.lab)
        with Stream(program, flows.doors(cluster, street.lab), wanted, RATE) as stream:
            walk = Walk(street, stream, wanted, cluster)
            for number, content in islice(enumerate(cycle((other, None)), start=1), TIMES):
                street.speak(content)
                kinds = walk.step(f"replacement {number}", cluster)
                assert kinds == {"program", "attachment"}
            tally = walk.end()
    with capsys.disabled():
        print("\n" + "\n".join(tally.lines()))
    assert tally.inexact == []
    assert tally.faults == []
    assert tally.changes == TIMES
