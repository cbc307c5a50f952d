"""BOTH SIDES: the policies of one host on their way through the phases of a fleet change."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Optional

from state.change import Change
from state.cluster import Cluster
from state.movement import Movement
from state.policy.compiler import DIRECTIONS, compile_policies
from state.policy.tables import Block, Peer
from state.policy.transition import Known, as_moved, retain, tighten
from state.policy.verdicts import Policy

Subject = tuple[str, int]
"""Direction and identity."""
Steps = tuple[Optional[Policy], Optional[Policy], Optional[Policy]]


def policies(
    host: str, changes: Sequence[Change], cluster: Cluster, movement: Movement
) -> Mapping[Subject, tuple[Optional[Policy], Steps]]:
    """What each policy was, and what it is after expand, switch and contract; without those that stay the same."""
    passage = _Passage(host, changes, cluster, movement)
    subjects = {
        *passage.old,
        *passage.new,
        *((direction, identity) for direction in DIRECTIONS for identity in passage.local),
    }
    found = {subject: (passage.old.get(subject), passage.steps(subject)) for subject in subjects}
    return {subject: (old, steps) for subject, (old, steps) in found.items() if any(step != old for step in steps)}


class _Passage:
    def __init__(self, host: str, changes: Sequence[Change], cluster: Cluster, movement: Movement) -> None:
        compiled = compile_policies(cluster, host)
        self.new: dict[Subject, Policy] = dict(compiled.policies)
        self.old = {**self.new}
        for change in changes:
            direction, _, identity = change.address.partition("/")
            if change.kind == "policy" and identity.isdigit():
                self.old.pop((direction, int(identity)), None)
                if isinstance(change.before, Policy):
                    self.old[direction, int(identity)] = change.before
        self.local = movement.on(host)
        self._arriving = {
            change.after.identity
            for change in changes
            if isinstance(change.after, Peer) and change.before is None and change.after.endpoint
        }
        self._movement = movement
        blocks = dict(compiled.blocks)
        self._after = Known(movement.new | {peer for peer, to in movement.everywhere.items() if to}, blocks)
        self._before = Known(movement.old, _blocks_before(blocks, changes))

    def steps(self, subject: Subject) -> Steps:
        """What the policy of a subject is after each phase."""
        new = self.new.get(subject)
        return self._expanded(subject), self._switched(subject, new), new

    def _expanded(self, subject: Subject) -> Optional[Policy]:
        """Old and new together. A subject that has no endpoints yet is judged by the new policy alone."""
        direction, identity = subject
        old = self.old.get(subject)
        if identity not in self.local:
            # nor has it any for a while if it gets them by relabelling: tables keep no policy that nobody refers to
            return self.new.get(subject, old) if identity in self._arriving else old
        targets = self.local[identity]
        if not targets:
            return old
        target = identity if identity in targets else min(targets)
        if len(targets) > 1 and target != identity:
            return old
        new = self.new.get((direction, target))
        if (old == new and not self._moved) or (old is None and new is None):
            return old
        moved = None if new is None else as_moved(new, self._movement.everywhere)
        return tighten(old, moved, self._before, self._after)

    def _switched(self, subject: Subject, new: Optional[Policy]) -> Optional[Policy]:
        """The new one, with what it does not know any more: hosts that have not switched still send it."""
        if new is None or not self._movement.going:
            return new
        direction, identity = subject
        source = next((old for old, targets in sorted(self.local.items()) if identity in targets), None)
        kept = None if source is None else self._expanded((direction, source))
        if kept is None:
            kept = as_moved(new, self._movement.everywhere)
        return retain(new, kept, map(str, self._movement.going))

    @property
    def _moved(self) -> bool:
        return any(targets != frozenset({identity}) for identity, targets in self._movement.everywhere.items())


def _blocks_before(after: Mapping[str, bool], changes: Sequence[Change]) -> Mapping[str, bool]:
    """The blocks the host knew, from those it will know."""
    before = dict(after)
    for change in changes:
        if change.kind == "block":
            before.pop(change.address, None)
            if isinstance(change.before, Block):
                before[change.address] = change.before.endpoints
    return before
