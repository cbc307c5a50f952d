"""Changes on a host: in which order, when not at all, and what is said when one of them fails."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from state.bulk import digest, shown
from state.change import Action, Change, Found, diff
from state.facts import Facts, Features, Scope
from state.host import apply as applying
from state.host.apply import apply, steps
from state.host.observe import Observed, report
from state.kernel import Kernel
from state.kinds.kind import Kind
from state.problem import HostError, Stale
from tests.fake_kernel import FakeKernel

SCOPE = Scope((), ())
FACTS = Facts(
    "6.18", "3.11", "b", Features(True, True, True, True, True, True), "", 0, None, None, {}, frozenset(), frozenset()
)


@dataclass(frozen=True)
class Word:
    text: str


@dataclass
class Words(Kind[Word]):
    """A kind that keeps its values in a dict, notes what it is told, and breaks at a word."""

    name: str
    diary: list[str]
    together: str = ""
    bulk: bool = False
    held: dict[str, Found[Word]] = field(default_factory=dict[str, Found[Word]])
    breaks_at: str = ""

    value = Word

    def observe(self, kernel: Kernel, scope: Scope) -> Mapping[str, Found[Word]]:
        return dict(self.held)

    def apply(self, kernel: Kernel, changes: Sequence[Change]) -> None:
        for change in changes:
            if change.address == self.breaks_at:
                raise HostError.of(f"the kernel refused {change.address}")
            self.diary.append(f"{change.action.value}{change.kind}/{change.address}")
            if change.after is None:
                self.held.pop(change.address, None)
            else:
                assert isinstance(change.after, Word)
                self.held[change.address] = Found(change.after)


def _told(facts: Facts) -> Callable[[Kernel, Scope], Facts]:
    """What stands in for looking around."""

    def gather(kernel: Kernel, scope: Scope) -> Facts:
        return facts

    return gather


@pytest.fixture(autouse=True)
def _facts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("state.host.apply.facts.gather", _told(FACTS))


def words(*texts: str) -> dict[str, Found[Word]]:
    """Values by address, each `ADDRESS=TEXT`."""
    return {address: Found(Word(text)) for address, _, text in (item.partition("=") for item in texts)}


def change(kind: str, address: str, before: str | None, after: str | None, replaced: bool = False) -> Change:
    """A change of a word."""
    action = Action.CREATE if before is None else Action.DELETE if after is None else Action.UPDATE
    was, will_be = (None if text is None else Word(text) for text in (before, after))
    return Change(kind, address, Action.REPLACE if replaced else action, was, will_be)


def test_what_goes_goes_first_and_backwards_then_comes_what_comes() -> None:
    diary: list[str] = []
    kinds = [
        Words("device", diary, held=words("old=1", "swap=1")),
        Words("route", diary, held=words("old=1", "same=1")),
    ]
    changes = [
        change("device", "new", None, "1"),
        change("device", "old", "1", None),
        change("device", "swap", "1", "2", replaced=True),
        change("route", "new", None, "1"),
        change("route", "old", "1", None),
        change("route", "same", "1", "2"),
    ]
    found = apply(FakeKernel(), SCOPE, changes, kinds)
    assert diary == [
        "-route/old",
        "-device/swap",
        "-device/old",
        "+device/new",
        "+device/swap",
        "+route/new",
        "~route/same",
    ]
    assert found == {"device": words("new=1", "swap=2"), "route": words("new=1", "same=2")}


def test_kinds_that_are_together_change_in_one_step_at_the_place_of_the_last() -> None:
    kinds = [Words("peer", [], "tables"), Words("map", []), Words("policy", [], "tables"), Words("link", [])]
    changes = [
        change("peer", "a", "1", None),
        change("map", "m", None, "1"),
        change("policy", "p", None, "1"),
        change("link", "l", None, "1"),
    ]
    made = [(kind.name, [item.address for item in step]) for kind, step in steps(kinds, changes)]
    assert made == [("map", ["m"]), ("policy", ["a", "p"]), ("link", ["l"])]


def test_kinds_that_are_together_and_only_go_do_so_before_what_they_rest_on() -> None:
    kinds = [Words("map", []), Words("peer", [], "tables"), Words("policy", [], "tables")]
    changes = [change("map", "m", "1", None), change("peer", "a", "1", None), change("policy", "p", "1", None)]
    made = [(kind.name, [item.address for item in step]) for kind, step in steps(kinds, changes)]
    assert made == [("policy", ["a", "p"]), ("map", ["m"])]


MOVED = [
    (change("route", "x", "1", "2"), "", "route x is gone since the plan was made"),
    (change("route", "x", "1", "2"), "x=3", "route x has changed since the plan was made"),
    (change("route", "x", "1", None), "x=3", "route x has changed since the plan was made"),
    (change("route", "x", None, "2"), "x=2", "route x has appeared since the plan was made"),
]


@pytest.mark.parametrize(("planned", "now", "sentence"), MOVED)
def test_nothing_is_done_when_what_is_touched_has_moved(planned: Change, now: str, sentence: str) -> None:
    diary: list[str] = []
    kinds = [Words("route", diary, held=words(now) if now else {})]
    with pytest.raises(Stale) as refusal:
        apply(FakeKernel(), SCOPE, [change("route", "other", None, "1"), planned], kinds)
    assert [problem.summary for problem in refusal.value.problems] == [sentence]
    assert diary == []


def test_a_foreign_thing_that_appeared_is_named_as_one() -> None:
    kinds = [Words("route", [], held={"x": Found(Word("1"), owned=False)})]
    with pytest.raises(Stale, match="route x has appeared since the plan was made, and is not netctl's"):
        apply(FakeKernel(), SCOPE, [change("route", "x", None, "1")], kinds)


def test_what_the_plan_does_not_touch_may_move() -> None:
    kinds = [Words("route", [], held=words("elsewhere=9"))]
    assert apply(FakeKernel(), SCOPE, [change("route", "x", None, "1")], kinds)["route"] == words("elsewhere=9", "x=1")


def test_a_failure_says_exactly_what_was_and_was_not_done() -> None:
    diary: list[str] = []
    kinds = [Words("device", diary, held=words("old=1")), Words("route", diary, breaks_at="b")]
    changes = [
        change("device", "old", "1", None),
        change("device", "new", None, "1"),
        change("route", "a", None, "1"),
        change("route", "b", None, "1"),
        change("route", "c", None, "1"),
    ]
    with pytest.raises(HostError) as failure:
        apply(FakeKernel(), SCOPE, changes, kinds)
    cause, done, left = failure.value.problems
    assert cause.summary == "the kernel refused b"
    assert (done.summary, done.detail) == ("3 of 5 changes were made", "- device old\n+ device new\n+ route a")
    assert (left.summary, left.detail) == ("2 of 5 changes were not made", "+ route b\n+ route c")


def test_undoing_every_change_brings_back_what_was() -> None:
    kinds = [Words("device", [], held=words("a=1", "b=1")), Words("route", [], held=words("r=1"))]
    before = {kind.name: dict(kind.held) for kind in kinds}
    changes = [
        change("device", "a", "1", "2"),
        change("device", "b", "1", None),
        change("route", "r", "1", "9", replaced=True),
        change("route", "s", None, "1"),
    ]
    apply(FakeKernel(), SCOPE, changes, kinds)
    assert apply(FakeKernel(), SCOPE, [item.undo() for item in changes], kinds) == before


def test_a_host_that_lacks_something_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    lacking = replace(FACTS, missing=("no nft", "no vxlan"))
    monkeypatch.setattr("state.host.apply.facts.gather", _told(lacking))
    with pytest.raises(HostError) as refusal:
        applying.apply(FakeKernel(), SCOPE, [], [Words("route", [])])
    assert [problem.summary for problem in refusal.value.problems] == ["no nft", "no vxlan"]


@pytest.mark.parametrize(
    ("bulk", "expects", "crosses"), [(True, "a=1", False), (True, "a=2", True), (False, "a=1", True)]
)
def test_a_large_table_crosses_the_wire_only_where_it_differs(bulk: bool, expects: str, crosses: bool) -> None:
    kind = Words("policy", [], bulk=bulk)
    said: dict[str, Any] = report(FACTS, {"policy": words("a=1")}, {"policy": digest(words(expects))}, [kind])
    assert said["same"] == ([] if crosses else ["policy"])
    assert said["observed"] == ({"policy": shown(words("a=1"))} if crosses else {})


def test_a_large_table_can_be_held_back_to_be_asked_for() -> None:
    kinds = [Words("policy", [], bulk=True), Words("route", [])]
    found: Observed = {"policy": words("a=1"), "route": words("r=1")}
    said: dict[str, Any] = report(FACTS, found, {}, kinds, hold=True)
    assert said["held"] == {"policy": digest(words("a=1"))}
    assert said["observed"] == {"route": shown(words("r=1"))}


def test_what_is_foreign_always_crosses_the_wire() -> None:
    found: Observed = {"policy": {**words("a=1"), "b": Found(Word("1"), owned=False)}}
    said: dict[str, Any] = report(FACTS, found, {}, [Words("policy", [], bulk=True)], hold=True)
    assert said["held"] == {"policy": digest(words("a=1"))}
    assert said["observed"] == {"policy": {"b": {"value": {"text": "1"}, "owned": False}}}


def test_what_was_applied_leaves_nothing_to_do() -> None:
    kinds = [Words("route", [], held=words("a=1", "b=1"))]
    from state.change import Wanted

    wanted = {"a": Wanted(Word("2")), "c": Wanted(Word("3"))}
    changes = diff("route", wanted, kinds[0].held).changes
    assert diff("route", wanted, apply(FakeKernel(), SCOPE, changes, kinds)["route"]).changes == ()
