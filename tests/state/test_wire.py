"""Values as JSON and back: what one needs to know of it that no other test would notice."""

from __future__ import annotations

import gc
from dataclasses import dataclass

import pytest

from state import wire
from state.change import Wanted
from state.policy.verdicts import Entry, Outcome
from state.problem import Source


@dataclass(frozen=True)
class One:
    """A value of one field."""

    name: str


@pytest.mark.parametrize(
    "value",
    [One("x"), Source("netctl.yaml", 7), Entry("7", "TCP", 80, 80, Outcome.ALLOW, 9), Wanted(One("x"))],
    ids=lambda value: type(value).__name__,
)
def test_reading_a_value_that_threads_share_does_not_give_it_a_dict(value: object) -> None:
    wire.dump(value)
    wire.text(value)
    if isinstance(value, Wanted):
        assert value.text() == value.text() == '["x"]'
        assert value == Wanted(One("x"))
    assert not [item for item in gc.get_referents(value) if isinstance(item, dict)]
