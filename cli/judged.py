"""WORKSTATION: assertions with what is true of them: one answer for each combination, and one for the whole."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from state.manifest import Assertion, End
from state.policy import said
from state.policy.assertions import Combination
from state.problem import Source


@dataclass(frozen=True)
class Answer:
    """What is true of a combination. `got` is `allow` or `deny`; `method` says who found out: `engine` or `packets`."""

    got: str
    method: str
    reason: str
    rules: tuple[Source, ...]


NAMED = 3
"""How many things are named where there are many."""

Families = Mapping[int, Answer]
"""The answer in each family that both ends have, by IP version."""


def settle(expect: str, families: Families) -> Answer:
    """What is true of a combination: it holds only if it does in every family its ends can talk in."""
    odd = {version: answer for version, answer in families.items() if answer.got != expect}
    if not odd:
        return next(iter(families.values()))
    version, answer = next(iter(odd.items()))
    return answer if len(odd) == len(families) else replace(answer, reason=f"over IPv{version}: {answer.reason}")


@dataclass(frozen=True)
class Judged:
    """An assertion with the answer to each of its combinations, in order."""

    assertion: Assertion
    combinations: tuple[Combination, ...]
    answers: tuple[Answer, ...]

    @cached_property
    def failing(self) -> Sequence[tuple[Combination, Answer]]:
        """The combinations of which something else is true than is expected, with that."""
        both = zip(self.combinations, self.answers, strict=True)
        return [(one, answer) for one, answer in both if answer.got != self.assertion.expect]

    @property
    def holds(self) -> bool:
        """Whether what is expected is true of every combination."""
        return not self.failing

    @property
    def answer(self) -> Answer:
        """What is true of the whole: that of the first combination that fails, else of the first."""
        first = self.failing[0][1] if self.failing else self.answers[0]
        methods = sorted({answer.method for answer in self.answers}, reverse=True)
        return replace(first, method=" and ".join(methods))

    @property
    def expanded(self) -> bool:
        """Whether it is about more than one flow."""
        return self.count > 1

    @property
    def count(self) -> int:
        """How many flows it is about."""
        return sum(one.count for one in self.combinations)

    @property
    def failed(self) -> int:
        """How many of them are not as expected."""
        return sum(one.count for one, _ in self.failing)

    @property
    def origins(self) -> tuple[str, ...]:
        """Where it begins, as it is written."""
        return tuple(map(_end, self.assertion.origins))

    @property
    def targets(self) -> tuple[str, ...]:
        """Where it leads, as it is written."""
        return tuple(map(_end, self.assertion.targets))

    @property
    def ports(self) -> tuple[str, ...]:
        """Its ports as they are written, or ICMP."""
        return tuple(said.span(item.protocol, item.first, item.last) for item in self.assertion.ports) or ("ICMP",)

    @property
    def protocols(self) -> tuple[str, ...]:
        """Its protocols, each once."""
        return tuple(dict.fromkeys(item.protocol for item in self.assertion.ports)) or ("ICMP",)

    @property
    def told(self) -> list[str]:
        """The first combinations that fail, a line each, and how many more there are."""
        named = self.failing[:NAMED]
        told = [f"{one.origin} -> {one.target}  {one.what}  {answer.got}  {answer.reason}" for one, answer in named]
        more = self.failed - sum(one.count for one, _ in named)
        return [*told, f"and {more} more"] if more else told


def _end(end: End) -> str:
    return end if isinstance(end, str) else said.selector(end)


def brief(texts: Sequence[str]) -> str:
    """Some texts in one line, of many the first ones."""
    if len(texts) <= NAMED:
        return ", ".join(texts)
    return f"{', '.join(texts[: NAMED - 1])} and {len(texts) - NAMED + 1} more"
