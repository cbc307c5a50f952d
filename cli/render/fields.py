"""WORKSTATION: what a change does to each field, for every renderer that is read by people."""

from __future__ import annotations

from dataclasses import dataclass

from cli.render.words import Shown, Words
from state.change import Action, Change


@dataclass(frozen=True)
class Field:
    """One field of a change: its sign, its value or `old -> new`, and, for a list, the items with a sign each."""

    sign: str
    name: str
    text: str
    items: tuple[tuple[str, str], ...] = ()
    hidden: int = 0
    forces: bool = False


@dataclass(frozen=True)
class Fields:
    """The fields of a change that are shown, and how many are not because they stay as they are."""

    shown: tuple[Field, ...]
    hidden: int = 0

    def rest(self) -> str:
        """What is not shown, in a word: `(3 unchanged fields hidden)`."""
        return f"({self.hidden} unchanged field{'s' if self.hidden > 1 else ''} hidden)"

    def inline(self) -> str:
        """All of it in one line."""
        return ", ".join(_inline(field) for field in self.shown)


def fields(change: Change, words: Words) -> Fields:
    """What the change does to each field."""
    if change.action in (Action.CREATE, Action.DELETE):
        sign, value = ("+", change.after) if change.action is Action.CREATE else ("-", change.before)
        outline = words.outline(change.kind, change.address, value)
        return Fields(tuple(_whole(sign, name, shown) for name, shown in outline.items()))
    before, after = words.fields(change.before), words.fields(change.after)
    names = list(dict.fromkeys([*before, *after]))
    moved = [name for name in names if before.get(name) != after.get(name)]
    fixed = words.fixed(change.kind) if change.action is Action.REPLACE else frozenset[str]()
    shown = tuple(_changed(name, before.get(name), after.get(name), name in fixed) for name in moved)
    return Fields(shown, len(names) - len(moved))


def _inline(field: Field) -> str:
    text = field.text or "[" + ", ".join(item for _, item in field.items) + "]"
    return f"{field.name} = {text}" if field.name else text


def _whole(sign: str, name: str, value: Shown) -> Field:
    if isinstance(value, str):
        return Field(sign, name, value)
    return Field(sign, name, "", tuple((sign, item) for item in value))


def _changed(name: str, before: Shown | None, after: Shown | None, forces: bool) -> Field:
    if isinstance(before, tuple) or isinstance(after, tuple):
        old, new = _items(before), _items(after)
        gone = [("-", item) for item in old if item not in new]
        come = [("+", item) for item in new if item not in old]
        if not gone and not come:
            return Field("~", name, "the same items in another order", forces=forces)
        return Field("~", name, "", (*gone, *come), sum(item in old for item in new), forces)
    if before is None or after is None:
        return Field("+" if before is None else "-", name, after or before or "", forces=forces)
    return Field("~", name, f"{before} -> {after}", forces=forces)


def _items(value: Shown | None) -> tuple[str, ...]:
    return value if isinstance(value, tuple) else () if value is None else (value,)
