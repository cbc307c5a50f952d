"""What the workstation asks of an agent, and how much of the answer crosses the wire."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from inventory import requests
from inventory.session import Session
from state.change import Found, Wanted
from state.facts import Facts
from state.host.observe import report
from tests.host.test_apply import FACTS, SCOPE, Word, Words, words


class Agent(Session):
    """An agent without a host: it observes what it was given, and notes what crosses the wire."""

    def __init__(self, kinds: list[Words], found: dict[str, dict[str, Found[Word]]]) -> None:
        self.kinds, self.found = kinds, found
        self.crossed: list[list[str]] = []

    def call(self, verb: str, body: Mapping[str, Any] | None = None, deadline: float = 0) -> dict[str, Any]:
        asked = body or {}
        kinds = [kind for kind in self.kinds if kind.name in asked.get("only", (kind.name,))]
        reply: dict[str, Any] = report(
            FACTS, dict(self.found), asked.get("digests", {}), kinds, asked.get("hold", False)
        )
        self.crossed.append(sorted(reply["observed"]))
        return reply


KINDS = [Words("policy", [], bulk=True), Words("peer", [], bulk=True), Words("route", [])]
FOUND = {"policy": words("a=1", "b=2"), "peer": words("p=1"), "route": words("r=1")}


def expecting(policy: str) -> requests.Expected:
    """What the bulk kinds should be."""
    return {"policy": {"a": Wanted(Word(policy)), "b": Wanted(Word("2"))}, "peer": {"p": Wanted(Word("1"))}}


@pytest.mark.parametrize(
    ("policy", "crossed"),
    [("1", [["route"]]), ("9", [["route"], ["policy"]])],
    ids=["as expected", "not as expected"],
)
def test_a_bulk_kind_crosses_the_wire_only_if_it_differs(policy: str, crossed: list[list[str]]) -> None:
    agent = Agent(KINDS, FOUND)

    def expect(facts: Facts) -> requests.Expected:
        assert facts == FACTS
        return expecting(policy)

    seen = requests.observe(agent, SCOPE, KINDS, expect)
    assert seen.found == FOUND
    assert agent.crossed == crossed


def test_of_a_table_that_is_as_expected_the_foreign_values_are_known() -> None:
    found = {**FOUND, "policy": {**FOUND["policy"], "c": Found(Word("3"), owned=False)}}
    agent = Agent(KINDS, found)
    assert requests.observe(agent, SCOPE, KINDS, lambda facts: expecting("1")).found == found
    assert agent.crossed == [["policy", "route"]]


def test_nothing_is_held_back_from_whom_expects_nothing() -> None:
    agent = Agent(KINDS, FOUND)
    assert requests.observe(agent, SCOPE, KINDS).found == FOUND
    assert agent.crossed == [["peer", "policy", "route"]]


@pytest.mark.parametrize(("policy", "crossed"), [("1", [["route"]]), ("9", [["policy", "route"]])])
def test_after_changes_too(policy: str, crossed: list[list[str]]) -> None:
    agent = Agent(KINDS, FOUND)
    assert requests.apply(agent, SCOPE, KINDS, [], "netctl apply", expecting(policy)).found == FOUND
    assert agent.crossed == crossed
