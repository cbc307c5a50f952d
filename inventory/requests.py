"""WORKSTATION: what can be asked of an agent, with values instead of JSON.

Bulk kinds are compared by digest: the workstation knows what their values should be, and only where a host's differ do
they cross the wire.
"""

from __future__ import annotations

import getpass
import os
import socket
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from inventory.session import CALL, Session
from state import bulk, wire
from state.change import Change, Wanted
from state.facts import Facts, Scope
from state.plan import Observation, observation

if TYPE_CHECKING:
    from state.kinds.kind import Kind

Kinds = Sequence["Kind[Any]"]
Expected = Mapping[str, Mapping[str, Wanted[Any]]]
"""Bulk kinds by name: what their values should be."""
_CLOCK_READINGS = 5


def observe(
    session: Session, scope: Scope, kinds: Kinds, expect: Callable[[Facts], Expected] | None = None
) -> Observation:
    """What the host is like. With `expect`, bulk kinds that are as expected of these facts stay where they are."""
    if expect is None:
        return observation(kinds, session.call("observe", {"scope": wire.dump(scope), "hold": False}))
    return completed(session, scope, kinds, outline(session, scope), expect)


def outline(session: Session, scope: Scope) -> Mapping[str, Any]:
    """What the host says of itself at first, of bulk kinds the digests alone."""
    return session.call("observe", {"scope": wire.dump(scope), "hold": True})


def completed(
    session: Session, scope: Scope, kinds: Kinds, reply: Mapping[str, Any], expect: Callable[[Facts], Expected]
) -> Observation:
    """What the host is like, by its outline, and by the values of bulk kinds that are not as expected of its facts."""
    expected = expect(wire.load(Facts, reply["facts"]))
    digests = _digests(expected)
    held: Mapping[str, str] = reply.get("held", {})
    differing = [kind for kind, theirs in held.items() if digests.get(kind) != theirs]
    if differing:
        more = session.call("observe", {"scope": wire.dump(scope), "hold": False, "only": differing})
        reply = {**reply, "observed": {**reply["observed"], **more["observed"]}}
    return _merged(kinds, reply, expected, [kind for kind in held if kind not in differing])


def apply(
    session: Session,
    scope: Scope,
    kinds: Kinds,
    changes: Sequence[Change],
    command: str,
    expected: Expected | None = None,
    leave: bool = False,
    deadline: float = 2 * CALL,
) -> Observation:
    """Make the changes; what the host is like then. `leave`: nothing of netctl is to remain on the host.

    Raises LockHeld, Stale (nothing was done), or HostError with what was and was not done.
    """
    expected = expected or {}
    body = {
        "scope": wire.dump(scope),
        "changes": [wire.dump(change) for change in changes],
        "who": who(),
        "command": command,
        "digests": _digests(expected),
        "leave": leave,
    }
    reply = session.call("apply", body, deadline)
    return _merged(kinds, reply, expected, reply.get("same", ()))


def clock_ahead(ask: Callable[[str], Mapping[str, Any]], now: Callable[[], float] = time.time) -> float:
    """How far the host's clock is ahead of ours, in seconds; `ask` asks the agent one verb.

    Asked several times, the quickest answer tells best (F. Cristian, Probabilistic clock synchronization, 1989). Two
    clocks that agree as far as one can tell are taken to agree: hosts that keep time do so better than this measures.
    """
    found: list[tuple[float, float]] = []
    for _ in range(_CLOCK_READINGS):
        before = now()
        theirs = float(ask("clock")["clock"])
        after = now()
        found.append((after - before, theirs - (before + after) / 2))
    took, ahead = min(found)
    return 0.0 if abs(ahead) <= took / 2 else ahead


def who() -> str:
    """Who is asking, for whoever finds the lock taken."""
    try:
        name = getpass.getuser()
    except (KeyError, OSError):  # a user without a name, as containers have them
        name = f"user {os.getuid()}"
    return f"{name}@{socket.gethostname()}"


def _digests(expected: Expected) -> dict[str, str]:
    return {kind: bulk.expected(values) for kind, values in expected.items()}


def _merged(kinds: Kinds, reply: Mapping[str, Any], expected: Expected, same: Sequence[str]) -> Observation:
    """The reply, with the values that did not need to cross the wire."""
    seen = observation(kinds, reply)
    known = {kind: bulk.AsWanted(expected[kind], seen.found[kind]) for kind in same}
    return replace(seen, found={**seen.found, **known})
