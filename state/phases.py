"""BOTH SIDES: a fleet change in phases, with a barrier between them: no host begins one before all have finished the last.

The phases of a fleet change are *expand* (every host learns what is new and not yet used), *switch* (each host moves to what
the manifest says) and *contract* (what nobody uses any more goes), so that a packet which the old and the new policy both
allow is not dropped because one host learned of a new identity before another. Today everything is switched at once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from state.change import Change
from state.plan import HostPlan


@dataclass(frozen=True)
class Phase:
    """One step that all hosts take before any takes the next: the changes of each host."""

    name: str
    changes: Mapping[str, tuple[Change, ...]]


def phases(hosts: Sequence[HostPlan]) -> tuple[Phase, ...]:
    """The phases that have something to do, in order."""
    everything = {host.host: host.changes for host in hosts if host.changes}
    return (Phase("switch", everything),) if everything else ()
