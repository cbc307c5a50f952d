"""Whichever host is the first in each phase: while two hosts differ, each hears what its own tables do not say."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

import pytest

from tests.gap import changes, mutants
from tests.gap.changes import OPEN, first, policy
from tests.gap.fleet import Street, staggered
from tests.gap.story import Document, Story
from tests.gap.walk import SLOW, walk

MORE = 20


def _policies(*entries: tuple[str, Document]) -> Mapping[str, Document]:
    return dict(entries)


def _out(app: str) -> Mapping[str, Document]:
    """Inside the namespace everybody is reached; web may speak with one app alone."""
    return _policies(
        policy("out", "web", egress=[{"toEndpoints": [{"matchLabels": {"app": app}}]}]),
        policy(OPEN, "", ingress=[{"fromEndpoints": [{}]}]),
    )


def _into(app: str) -> Mapping[str, Document]:
    """One app alone may come to aux."""
    return _policies(policy("into", "aux", ingress=[{"fromEndpoints": [{"matchLabels": {"app": app}}]}]))


@dataclass(frozen=True)
class Case:
    """Policies before and after, and endpoints that become db meanwhile."""

    told: str
    moved: tuple[str, ...]
    before: Mapping[str, Document]
    after: Mapping[str, Document]

    def stories(self) -> tuple[Story, Story]:
        """The manifests before and after."""
        story = first()
        moved = {name: {**story.labels[name], "app": "db"} for name in self.moved}
        return (
            replace(story, told=f"before: {self.told}", policies=self.before),
            replace(story, told=self.told, policies=self.after, labels={**story.labels, **moved}),
        )


CASES = (
    Case("an endpoint becomes what may be reached", ("aux-1",), _out("db"), _out("db")),
    Case("an endpoint ceases to be so", ("aux-1",), _out("aux"), _out("aux")),
    Case("one of two moves together with the allow it is reached by", ("aux-1",), _out("aux"), _out("db")),
    Case("both move together with the allow they are reached by", ("aux-1", "aux-2"), _out("aux"), _out("db")),
    Case("an endpoint becomes who may come", ("web-2",), _into("db"), _into("db")),
    Case("an endpoint ceases to be such", ("web-2",), _into("web"), _into("web")),
    Case("one of two moves together with the allow it comes by", ("web-2",), _into("web"), _into("db")),
)


def _stories() -> Iterator[Story]:
    """Every case there and back, then a part of the walk."""
    for case in CASES:
        before, after = case.stories()
        yield from (before, after, before)
    yield from islice(changes.walk(), MORE)


@pytest.mark.parametrize("host", ["alpha", "beta"])
def test_which_host_is_first_does_not_matter(tmp_path: Path, program: Path, host: str) -> None:
    with Street(tmp_path / "street", phased=staggered(host)) as street:
        tally = walk(street, program, _stories(), 3 * len(CASES) + MORE // 2, SLOW)
    assert tally.inexact == []
    assert tally.faults == [], "\n".join(tally.lines())


def test_believing_what_the_other_host_calls_a_sender_is_seen(tmp_path: Path, program: Path) -> None:
    agent = mutants.agent(mutants.programs(tmp_path / "bpf", mutants.TOLD))
    with Street(tmp_path / "street", agent, phased=staggered("beta")) as street:
        tally = walk(street, program, _stories(), 3 * len(CASES), SLOW, patience=1)
    assert tally.faults
