"""BOTH SIDES: the difference between what is desired and what is observed, as data. Written once, for every kind."""

from __future__ import annotations

import enum
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, Optional, TypeVar

from state import wire
from state.problem import Problem, Source

V = TypeVar("V")


class Action(enum.Enum):
    """What a change does; the value is the sign it is printed with."""

    CREATE = "+"
    UPDATE = "~"
    REPLACE = "-/+"
    DELETE = "-"


@dataclass(frozen=True)
class Wanted(Generic[V]):
    """A desired value and the line of the manifest that wants it."""

    value: V
    source: Optional[Source] = None

    def text(self) -> str:
        """The value as canonical text, made once: what all hosts want alike is one object."""
        kept: Optional[str] = getattr(self, "_text", None)
        if kept is None:
            kept = wire.text(self.value)
            object.__setattr__(self, "_text", kept)
        return kept


@dataclass(frozen=True)
class Found(Generic[V]):
    """An observed value. What is not `owned` is foreign: netctl tells when it is in the way, and never touches it."""

    value: V
    owned: bool = True


@dataclass(frozen=True)
class Change:
    """One difference. `before` and `after` are complete, so that undoing it is the swap of the two."""

    kind: str
    address: str
    action: Action
    before: Optional[object]
    after: Optional[object]
    source: Optional[Source] = None

    def undo(self) -> Change:
        """The change that takes this one back."""
        swapped = {Action.CREATE: Action.DELETE, Action.DELETE: Action.CREATE}.get(self.action, self.action)
        return Change(self.kind, self.address, swapped, self.after, self.before, self.source)


@dataclass(frozen=True)
class Difference:
    """All changes of one kind on one host, and what is in their way."""

    changes: tuple[Change, ...]
    obstacles: tuple[Problem, ...] = ()


def diff(
    kind: str,
    desired: Mapping[str, Wanted[V]],
    observed: Mapping[str, Found[V]],
    fixed: frozenset[str] = frozenset(),
) -> Difference:
    """The changes that turn `observed` into `desired`, in address order.

    Equality of frozen values decides. A value that differs in a field named in `fixed` is replaced, not updated.
    Foreign values are never changed: one with the address of a desired value is an obstacle.
    """
    changes: list[Change] = []
    obstacles: list[Problem] = []
    for address in sorted(desired.keys() | observed.keys()):
        wanted, found = desired.get(address), observed.get(address)
        if found is not None and not found.owned:
            if wanted is not None:
                obstacles.append(_in_the_way(kind, address, wanted.source))
        elif found is None:
            assert wanted is not None
            changes.append(Change(kind, address, Action.CREATE, None, wanted.value, wanted.source))
        elif wanted is None:
            changes.append(Change(kind, address, Action.DELETE, found.value, None))
        elif wanted.value != found.value:
            action = Action.REPLACE if _differs_in(wanted.value, found.value, fixed) else Action.UPDATE
            changes.append(Change(kind, address, action, found.value, wanted.value, wanted.source))
    return Difference(tuple(changes), tuple(obstacles))


def _differs_in(wanted: object, found: object, fixed: frozenset[str]) -> bool:
    return type(wanted) is not type(found) or any(getattr(wanted, name) != getattr(found, name) for name in fixed)


def _in_the_way(kind: str, address: str, source: Optional[Source]) -> Problem:
    return Problem(
        f"{kind} {address} exists and is not netctl's",
        "netctl never changes or removes what it does not own. Remove or rename it there, or change the manifest.",
        f"{kind} {address}",
        source,
    )


def fingerprint(observed: Mapping[str, Mapping[str, object]]) -> str:
    """A digest of observed values by kind and address: equal states have equal fingerprints, on every machine."""
    text = json.dumps(
        {kind: {address: wire.dump(value) for address, value in values.items()} for kind, values in observed.items()},
        sort_keys=True,
        separators=(",", ":"),
    )
    return hashlib.sha256(text.encode()).hexdigest()


def summary(changes: Sequence[Change]) -> tuple[int, int, int]:
    """How many are added, changed and destroyed; a replacement counts as added and destroyed, as in Terraform."""
    add = sum(change.action in (Action.CREATE, Action.REPLACE) for change in changes)
    update = sum(change.action is Action.UPDATE for change in changes)
    destroy = sum(change.action in (Action.DELETE, Action.REPLACE) for change in changes)
    return add, update, destroy
