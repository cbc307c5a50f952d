"""WORKSTATION: what can be asked of an agent, with values instead of JSON."""

from __future__ import annotations

import getpass
import socket
from collections.abc import Mapping, Sequence
from typing import Any

from inventory.session import CALL, Session
from state import wire
from state.bulk import digest, shown
from state.change import Change, Found, Wanted
from state.facts import Scope

Expected = Mapping[str, Mapping[str, Wanted[Any]]]
"""Bulk kinds by name: what their values should be. Where a host agrees, they do not cross the wire."""


def observe(session: Session, scope: Scope, expected: Expected | None = None) -> dict[str, Any]:
    """What the host is like: the body that `state.plan.observation` reads."""
    known = _known(expected or {})
    body = {"scope": wire.dump(scope), "digests": _digests(known)}
    return _filled(session.call("observe", body), known)


def apply(
    session: Session,
    scope: Scope,
    changes: Sequence[Change],
    command: str,
    expected: Expected | None = None,
    leave: bool = False,
    deadline: float = 2 * CALL,
) -> dict[str, Any]:
    """Make the changes; what the host is like then. `leave`: nothing of netctl is to remain on the host.

    Raises LockHeld, Stale (nothing was done), or HostError with what was and was not done.
    """
    known = _known(expected or {})
    body = {
        "scope": wire.dump(scope),
        "changes": [wire.dump(change) for change in changes],
        "who": who(),
        "command": command,
        "digests": _digests(known),
        "leave": leave,
    }
    return _filled(session.call("apply", body, deadline), known)


def who() -> str:
    """Who is asking, for whoever finds the lock taken."""
    return f"{getpass.getuser()}@{socket.gethostname()}"


def _known(expected: Expected) -> dict[str, dict[str, Any]]:
    return {
        kind: shown({address: Found(wanted.value) for address, wanted in values.items()})
        for kind, values in expected.items()
    }


def _digests(known: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    return {kind: digest(values) for kind, values in known.items()}


def _filled(reply: dict[str, Any], known: Mapping[str, Any]) -> dict[str, Any]:
    """The reply with the values that did not need to cross the wire."""
    observed = {**reply["observed"], **{kind: known[kind] for kind in reply.get("same", ())}}
    return {**reply, "observed": observed}
