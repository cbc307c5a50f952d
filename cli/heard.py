"""WORKSTATION: what each host said when it was last asked for a plan, and that nothing was to be done about it.

A plan follows from the manifest and from what a host says (`state.plan` is pure). So a host that says the very same of
itself again, of the very same manifest, need not be compared again. Nothing is taken on trust: every host is asked.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import Any

from cli.kept import Kept
from state.bulk import AsWanted
from state.plan import HostPlan, Observation

Said = tuple[str, HostPlan]
"""The digest of what a host said, and the plan that followed."""


class Heard:
    """The hosts' last answers. Without a digest of the manifest nothing is remembered."""

    def __init__(self, manifest: str = "") -> None:
        self._kept = Kept("answers", manifest)
        recalled = self._kept.recall()
        self._before: Mapping[str, Said] = recalled if isinstance(recalled, dict) else {}
        self._now: dict[str, str] = {}

    def plan(self, host: str, reply: Mapping[str, Any]) -> HostPlan | None:
        """The plan that follows from a host's reply, if it is known."""
        digest, plan = self._before.get(host, ("", None))
        return plan if plan is not None and digest == _digest(reply) else None

    def note(self, host: str, reply: Mapping[str, Any], seen: Observation) -> None:
        """Note what a host said, if that is all: where the values of a table had to be sent for, more was said."""
        if all(isinstance(seen.found[kind], AsWanted) for kind in reply.get("held", ())):
            self._now[host] = _digest(reply)

    def remember(self, plans: Iterable[HostPlan]) -> None:
        """Keep the plans that change nothing. One that does is made anew each time: it carries every value."""
        new = {plan.host: (self._now[plan.host], plan) for plan in plans if plan.host in self._now and plan.in_sync}
        if new:
            self._kept.keep({**self._before, **new})


def _digest(reply: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(reply, separators=(",", ":"), sort_keys=True).encode()).hexdigest()
