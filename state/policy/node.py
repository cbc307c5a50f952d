"""BOTH SIDES: a place in a policy document, and the problems found on the way through it, each with its line."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Optional, Union

from state.manifest import Document, Json, Path
from state.problem import Problem, Source


@dataclass(frozen=True)
class Node:
    """A value inside a document, its path, and the list that problems go to."""

    document: Document
    value: Json
    path: Path
    problems: list[Problem]

    @property
    def source(self) -> Source:
        """The place in the manifest."""
        return self.document.at(self.path)

    @property
    def where(self) -> str:
        """The path as people write it: `spec.ingress[0].fromCIDR`."""
        text = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in self.path)
        return text.lstrip(".")

    def wrong(self, summary: str, detail: str = "") -> None:
        """Note an error here."""
        self.problems.append(Problem(summary, detail, title(self.document), self.source))

    def warn(self, summary: str, detail: str = "") -> None:
        """Note a warning here."""
        self.problems.append(Problem(summary, detail, title(self.document), self.source, severity="warning"))

    def refuse(self, what: str, instead: str, name: str = "") -> None:
        """Note that netctl cannot enforce this field, or what it names, and what to do instead."""
        self.wrong(
            f"netctl cannot enforce {f'`{name}` in ' if name else ''}{self.where} yet",
            f"{what} netctl refuses what it cannot enforce: a policy of which a part is ignored allows or denies "
            f"something else than it says. {instead}",
        )

    def get(self, key: str) -> Optional[Node]:
        """The value of a key; None where it is absent or null, which mean the same in these documents."""
        value = self.value.get(key) if isinstance(self.value, dict) else None
        return None if value is None else self._child(key, value)

    def _child(self, step: Union[str, int], value: Json) -> Node:
        return Node(self.document, value, (*self.path, step), self.problems)

    @property
    def keys(self) -> list[str]:
        """The keys of a mapping that have a value; empty for anything else."""
        pairs = self.value.items() if isinstance(self.value, dict) else ()
        return [key for key, value in pairs if value is not None]

    def mapping(self, known: Collection[str], refused: Mapping[str, Refusal], free: bool = False) -> bool:
        """Whether this is a mapping. Its keys must be known (unless `free`); those of `refused` are refused by name."""
        if not isinstance(self.value, dict):
            self.wrong(f"{self.where} must be a mapping, not {_a(self.value)}")
            return False
        for key, value in self.value.items():
            child = self._child(key, value)
            if key in refused:
                refused[key].of(child)
            elif not free and key not in known:
                child.wrong(
                    f"{self.where or self.document.kind} has no field `{key}`{suggestion(key, [*known, *refused])}",
                    f"Known fields here: {', '.join(sorted(known))}.",
                )
        return True

    def items(self, what: str = "a list") -> list[Node]:
        """The items of a list; a problem and nothing where it is none."""
        if not isinstance(self.value, list):
            self.wrong(f"{self.where} must be {what}, not {_a(self.value)}")
            return []
        return [self._child(place, item) for place, item in enumerate(self.value)]

    def pairs(self) -> Iterator[tuple[str, Node]]:
        """The keys of a mapping with their values."""
        if isinstance(self.value, dict):
            for key, value in self.value.items():
                yield key, self._child(key, value)

    def text(self) -> Optional[str]:
        """The text; a problem and None where it is none."""
        if isinstance(self.value, str):
            return self.value
        self.wrong(f"{self.where} must be a text, not {_a(self.value)}", _quote(self.value))
        return None

    def choice(self, choices: Collection[str]) -> Optional[str]:
        """The text, which must be one of the choices."""
        text = self.text()
        if text is None or text in choices:
            return text
        self.wrong(
            f"{self.where} is `{text}`{suggestion(text, choices)}", f"Allowed here: {', '.join(sorted(choices))}."
        )
        return None

    def boolean(self) -> Optional[bool]:
        """The truth value; a problem and None where it is none."""
        if isinstance(self.value, bool):
            return self.value
        self.wrong(f"{self.where} must be true or false, not {_a(self.value)}")
        return None

    def number(self, first: int, last: int) -> Optional[int]:
        """The number, which must lie within the bounds."""
        if isinstance(self.value, int) and not isinstance(self.value, bool) and first <= self.value <= last:
            return self.value
        self.wrong(f"{self.where} must be a number from {first} to {last}, not {_a(self.value)}")
        return None


def demands(value: Json) -> bool:
    """Whether a field says something: absent and null do not."""
    return value is not None


@dataclass(frozen=True)
class Refusal:
    """A field that netctl knows and does not enforce: what it is, and what to do instead.

    `check` notes what is wrong with the field itself: a mistake in it is told today. `demands` is whether a value of it
    asks for anything; one that does not is no reason to refuse.
    """

    what: str
    instead: str
    check: Callable[[Node], None]
    demands: Callable[[Json], bool] = demands

    def of(self, field: Node) -> None:
        """Note what is wrong with the field, and that it is not enforced."""
        if field.value is None:
            return
        if self.demands(field.value):
            field.refuse(self.what, self.instead)
        self.check(field)


def root(document: Document, problems: list[Problem]) -> Node:
    """The whole document."""
    return Node(document, document.body, (), problems)


def title(document: Document) -> str:
    """What a document is called: `CiliumNetworkPolicy shop/db`."""
    name = f"{document.namespace}/{document.name}" if document.namespace else document.name
    return f"{document.kind} {name}"


def _a(value: Json) -> str:
    if value is None:
        return "empty"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (int, float)):
        return f"the number {value}"
    return f"the text `{value}`" if isinstance(value, str) else "a mapping" if isinstance(value, dict) else "a list"


def _quote(value: Json) -> str:
    return 'Put it in quotes: "{}".'.format(_a(value).split(" ")[-1]) if isinstance(value, (bool, int, float)) else ""


def suggestion(word: str, words: Collection[str]) -> str:
    """`: did you mean ...?` where one of the words is close, else nothing."""
    lower = {known.lower(): known for known in words}
    near = difflib.get_close_matches(word.lower(), list(lower), 1)
    return f": did you mean `{lower[near[0]]}`?" if near else ""
