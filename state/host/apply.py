"""HOST: the verb `apply`: makes changes, if what they touch is still as it was when they were planned.

Request: `scope`, `changes`, `who` and `command` (for whoever finds the lock taken), `digests` as for `observe`, and
`leave`: nothing of netctl is to remain on the host. Reply: as for `observe`, after the changes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from state import wire
from state.change import Action, Change
from state.facts import Scope
from state.host import facts
from state.host.destroy import leave
from state.host.lock import THE_LOCK
from state.host.observe import Observed, observe, report
from state.kernel import Kernel
from state.kinds import KINDS
from state.kinds.kind import Kind
from state.plan import load_change
from state.problem import HostError, NetctlError, Problem, Stale

Kinds = Sequence[Kind[Any]]


def answer(kernel: Kernel, body: Mapping[str, Any]) -> dict[str, Any]:
    """Make the changes and say what the host is like afterwards."""
    scope = wire.load(Scope, body["scope"])
    changes = [load_change(KINDS, wire.load(Change, item)) for item in body["changes"]]
    THE_LOCK.take(body.get("who", "somebody"), body.get("command", "netctl apply"))
    found = apply(kernel, scope, changes)
    reply = report(facts.gather(kernel, scope), found, body.get("digests", {}))
    if body.get("leave"):
        leave(kernel, found)
    return reply


def apply(kernel: Kernel, scope: Scope, changes: Sequence[Change], kinds: Kinds = KINDS) -> Observed:
    """What is observed after the changes were made.

    Raises Stale, with nothing done, if something they touch has moved; and HostError with what was and was not done if
    one of them fails.
    """
    known = facts.gather(kernel, scope)
    if known.missing:
        raise HostError(*(Problem(sentence) for sentence in known.missing))
    before = observe(kernel, scope, known, kinds)
    if moved := list(_moved(changes, before)):
        raise Stale(*moved)
    try:
        for kind, step in steps(kinds, changes):
            kind.apply(kernel, step)
    except (NetctlError, OSError) as error:
        raise _interrupted(error, changes, observe(kernel, scope, known, kinds)) from error
    return observe(kernel, scope, facts.gather(kernel, scope), kinds)


def _moved(changes: Iterable[Change], found: Observed) -> Iterator[Problem]:
    for change in changes:
        now = found[change.kind].get(change.address)
        if now is None and change.before is None:
            continue
        name = f"{change.kind} {change.address}"
        if now is None:
            yield Problem(f"{name} is gone since the plan was made", _AGAIN, name, change.source)
        elif change.before is None:
            whose = "" if now.owned else ", and is not netctl's"
            yield Problem(f"{name} has appeared since the plan was made{whose}", _AGAIN, name, change.source)
        elif now.value != change.before:
            yield Problem(f"{name} has changed since the plan was made", _AGAIN, name, change.source)


_AGAIN = "Nothing was changed on this host. Make a new plan."


def steps(kinds: Kinds, changes: Sequence[Change]) -> list[tuple[Kind[Any], list[Change]]]:
    """The changes in the order they are made: what goes, in reverse order of kinds; then what comes.

    A replacement goes and comes. Kinds that are `together` change in one step, at the place of the last of them.
    """
    parts = [(kind, [change for change in changes if change.kind == kind.name]) for kind in _leaders(kinds)]
    for number, (kind, _) in enumerate(parts):
        if kind.together:
            names = {other.name for other in kinds if other.together == kind.together}
            parts[number] = (kind, [change for change in changes if change.kind in names])
    going = [(kind, _going(kind, part)) for kind, part in reversed(parts)]
    coming = [(kind, _coming(kind, part)) for kind, part in parts]
    return [(kind, part) for kind, part in going + coming if part]


def _leaders(kinds: Kinds) -> list[Kind[Any]]:
    """The kinds, of those that change together only the last."""
    last = {kind.together: kind for kind in kinds if kind.together}
    return [kind for kind in kinds if not kind.together or last[kind.together] is kind]


def _is_removal(changes: Sequence[Change]) -> bool:
    return all(change.action is Action.DELETE for change in changes)


def _going(kind: Kind[Any], changes: list[Change]) -> list[Change]:
    if kind.together:
        return changes if _is_removal(changes) else []
    return [
        Change(change.kind, change.address, Action.DELETE, change.before, None, change.source)
        for change in reversed(changes)
        if change.action in (Action.DELETE, Action.REPLACE)
    ]


def _coming(kind: Kind[Any], changes: list[Change]) -> list[Change]:
    if kind.together:
        return [] if _is_removal(changes) else changes
    return [
        Change(change.kind, change.address, Action.CREATE, None, change.after, change.source)
        if change.action is Action.REPLACE
        else change
        for change in changes
        if change.action is not Action.DELETE
    ]


def _interrupted(error: Exception, changes: Sequence[Change], found: Observed) -> HostError:
    """The failure, and of every change whether it was made, as the host shows it now."""
    done: list[str] = []
    left: list[str] = []
    for change in changes:
        now = found[change.kind].get(change.address)
        value = None if now is None or not now.owned else now.value
        (done if value == change.after else left).append(f"{change.action.value} {change.kind} {change.address}")
    causes = error.problems if isinstance(error, NetctlError) else (Problem(f"the host refused: {error}"),)
    tell = (
        Problem(f"{len(done)} of {len(changes)} changes were made", "\n".join(done)),
        Problem(f"{len(left)} of {len(changes)} changes were not made", "\n".join(left)),
    )
    return HostError(*causes, *tell)
