"""BOTH SIDES: a fleet change in phases, with a barrier between them: no host begins one before all have ended the last.

*expand*: every host learns what is new and not yet used, and enforces the old and the new policy together; *switch*:
each host moves to what the manifest says, and keeps what others may still use; *contract*: what nobody uses any more
goes. So a packet which both policies allow is never dropped because one host learned of a new identity before another,
and one which both deny never passes because it met the old policy at one end and the new one at the other. A phase in
which no host would change anything does not exist.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Optional

from state.change import Action, Change
from state.cluster import Cluster
from state.kinds import KINDS
from state.movement import Movement
from state.passage import policies
from state.plan import HostPlan
from state.policy.tables import policy_address

NAMES = ("expand", "switch", "contract")
EXPAND, CONTRACT = 0, 2
TABLES = frozenset({"peer", "block", "tunnel", "policy"})
"""The kinds that make up a generation. Everything else is made in the first phase, and removed in the last."""

Value = Optional[object]
_KINDS = {kind.name: kind for kind in KINDS}


@dataclass(frozen=True)
class Phase:
    """One step that all hosts take before any takes the next: the changes of each host."""

    name: str
    changes: Mapping[str, tuple[Change, ...]]


def phases(hosts: Sequence[HostPlan], cluster: Optional[Cluster] = None) -> tuple[Phase, ...]:
    """The phases that have something to do, in order. Without a cluster everything goes: one phase is enough."""
    busy = [host for host in hosts if host.changes]
    if cluster is None:
        everything = {host.host: host.changes for host in busy}
        return (Phase("contract", everything),) if everything else ()
    movement = Movement({host.host: host.changes for host in busy}, cluster)
    found: list[dict[str, tuple[Change, ...]]] = [{}, {}, {}]
    for host in busy:
        for place, changes in enumerate(_of_host(host, cluster, movement)):
            if changes:
                found[place][host.host] = changes
    return tuple(Phase(name, changes) for name, changes in zip(NAMES, found) if changes)


def _of_host(host: HostPlan, cluster: Cluster, movement: Movement) -> tuple[tuple[Change, ...], ...]:
    """The changes of one host, phase by phase, each with what the phase before has left as its `before`."""
    found: tuple[list[Change], list[Change], list[Change]] = ([], [], [])
    for place, change in _machinery([change for change in host.changes if change.kind not in TABLES]):
        found[place].append(change)
    for change in host.changes:
        if change.kind in TABLES and change.kind != "policy":
            _add(found, change, _steps(change))
    # all policies at once: what one becomes depends on the others, and one may be needed that the plan does not name
    planned = {change.address: change for change in host.changes if change.kind == "policy"}
    for key, (before, steps) in sorted(policies(host.host, host.changes, cluster, movement).items()):
        address = policy_address(*key)
        _add(found, planned.get(address) or Change("policy", address, Action.UPDATE, before, None), steps)
    return tuple(tuple(changes) for changes in found)


def _machinery(changes: Sequence[Change]) -> Iterator[tuple[int, Change]]:
    """The changes of what is in no table, each with its phase: made in the first, removed in the last.

    What the kernel takes away with something that goes or is replaced in a phase goes or is replaced there too. What
    has something that another is to have goes in the first phase: the other could not be made beside it.
    """
    needed = {
        (change.kind, place)
        for change in changes
        if change.after is not None
        for place in _KINDS[change.kind].occupies(change.after)
    }
    values = {(change.kind, change.address): change.before for change in changes}
    for phase in (EXPAND, CONTRACT):
        gone: set[tuple[str, str]] = set()
        for change in changes:
            kind, key = _KINDS[change.kind], (change.kind, change.address)
            before, after = values[key], change.after
            carried = before is not None and not gone.isdisjoint(kind.rests_on(change.address, before))
            if phase == EXPAND and not carried and before is not None:
                if after is not None:
                    after = kind.meanwhile(change, after)
                elif needed.isdisjoint((kind.name, place) for place in kind.occupies(before)):
                    after = before
            if not carried and after == before:
                continue
            step = _between(change, before, after)
            if carried and after is not None:
                step = replace(step, action=Action.REPLACE)
            gone.update(kind.takes_along(step))
            values[key] = after
            yield phase, step


def _steps(change: Change) -> tuple[Value, Value, Value]:
    """What an entry of a table is after expand, switch and contract."""
    before, after = change.before, change.after
    if before is None:
        return after, after, after
    if after is None:
        # a block is known to one host alone: it goes with the policies that spoke of it
        return before, None if change.kind == "block" else before, None
    return before, after, after


def _add(found: Sequence[list[Change]], change: Change, steps: Sequence[Value]) -> None:
    before = change.before
    for place, after in enumerate(steps):
        if after != before:
            found[place].append(_between(change, before, after))
        before = after


def _between(change: Change, before: Value, after: Value) -> Change:
    """The part of a change that one phase makes."""
    if before is None:
        action = Action.CREATE
    elif after is None:
        action = Action.DELETE
    else:
        action = change.action if change.action is Action.REPLACE else Action.UPDATE
    return replace(change, action=action, before=before, after=after)
