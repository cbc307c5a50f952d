"""BOTH SIDES: the traffic whose verdict a plan changes: what the hosts let pass now against what they would let pass.

Exact, and by tables alone: nothing is sampled, no range of ports is expanded. Endpoints are compared by what is
enforced for them, all at once, and only where that changes or somebody becomes known by another identity. Of the other
end only those stand out of whom a policy speaks. Most ends ask a question that others have asked.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Optional

from state.change import Change
from state.cluster import Cluster
from state.policy import flows
from state.policy.alike import alike
from state.policy.carved import regions
from state.policy.compiler import rule_sources
from state.policy.cuts import ByProtocol
from state.policy.enforced import enforced
from state.policy.flows import End, Finding
from state.policy.grants import Prefix
from state.policy.labels import HOST, REMOTE_NODE
from state.policy.peer_answers import CLOSED, Answers
from state.policy.rules import DEFAULT_DENY
from state.policy.shift import NO_POLICY, Pair, Shift, Shifts
from state.policy.stance import Stance, Told
from state.problem import Source
from state.traffic import ENDPOINTS, WORLD, Traffic
from state.traffic import HOST as OWN_HOST
from state.traffic import REMOTE_NODE as OTHER_HOSTS

KINDS = frozenset({"peer", "policy", "block"})
"""The kinds of a plan that verdicts depend on."""
VERSIONS = (4, 6)


def changed_traffic(cluster: Cluster, changes: Mapping[str, Sequence[Change]]) -> Optional[Traffic]:
    """What the changes do to traffic; `changes` has every host that was asked, with all that is to change there.

    None where no change touches what verdicts depend on: then there is nothing to compare.
    """
    if not any(change.kind in KINDS for items in changes.values() for change in items):
        return None
    found = alike(cluster, enforced(cluster, changes))
    return Traffic(
        flows.told(cluster, _Comparison(cluster, found.stances).findings()),
        found.arriving,
        found.leaving,
        tuple(sorted(cluster.hosts.keys() - changes.keys())),
    )


class _Comparison:
    def __init__(self, cluster: Cluster, stances: Mapping[str, Sequence[Stance]]) -> None:
        self._stances = stances
        self._rules = rule_sources(cluster)
        self._several = len(cluster.hosts) > 1
        self._shifts = Shifts()

    def findings(self) -> Iterator[Finding]:
        """Every difference, between ends as they come."""
        for source, target in self._pairs():
            if source.speaks or target.speaks or source.has_strangers or target.has_strangers:
                yield from self._between(source, target)
        for direction, stances in self._stances.items():
            for stance in stances:
                for version in VERSIONS:
                    if stance.before is not stance.after:
                        yield from self._with_hosts(stance, direction, version)
                    if stance.before is not stance.after or stance.blocks[0] is not stance.blocks[1]:
                        yield from self._with_world(stance, direction, version)

    def _pairs(self) -> Iterator[tuple[Stance, Stance]]:
        """Sources and destinations of which one changes its mind, or is known by another identity."""
        touched = {
            direction: [stance for stance in stances if stance.changes or stance.moves]
            for direction, stances in self._stances.items()
        }
        first = set(map(id, touched["egress"]))
        for source in self._stances["egress"]:
            for target in self._stances["ingress"] if id(source) in first else touched["ingress"]:
                yield source, target

    def _between(self, source: Stance, target: Stance) -> Iterator[Finding]:
        even = source.is_even and target.is_even  # as most are: who is told what is then one question for both families
        told: tuple[Sequence[Told], Sequence[Told]] = ((), ())
        for version in VERSIONS:
            if version == VERSIONS[0] or not even:
                told = source.divide(target, version), target.divide(source, version)
            for targets, *egress in told[0]:
                for sources, *ingress in told[1]:
                    shifts = self._shifts.between(version, (egress[0], egress[1]), (ingress[0], ingress[1]))
                    if shifts:
                        ends = End(ENDPOINTS, sources), End(ENDPOINTS, targets)
                        yield from self._found(ends, version, shifts, {"egress": source, "ingress": target})

    def _with_hosts(self, stance: Stance, direction: str, version: int) -> Iterator[Finding]:
        """With the endpoints' own host, which always reaches them, and with all others."""
        kinds = [(OTHER_HOSTS, REMOTE_NODE)] if self._several else []
        if direction == "egress":
            kinds.append((OWN_HOST, HOST))
        for kind, identity in kinds:
            said = stance.before.of(str(identity)), stance.after.of(str(identity))
            yield from self._outside(stance, direction, version, self._alone(direction, version, said), End(kind))

    def _with_world(self, stance: Stance, direction: str, version: int) -> Iterator[Finding]:
        """With every address outside, by the narrowest block that it lies in before and after."""
        found: dict[tuple[Shift, ...], list[Prefix]] = {}
        outside: list[Prefix] = []
        for place in sorted({place for blocks in stance.blocks for place in blocks.prefixes if place[0] == version}):
            was, now = (blocks.around(place) for blocks in stance.blocks)
            if not (was[1] and now[1]):
                outside.append(place)
                said = _to_block(stance.before, *was), _to_block(stance.after, *now)
                found.setdefault(self._alone(direction, version, said), []).append(place)
        for shifts, places in found.items():
            if shifts:
                end = End(WORLD, regions=regions(set(places), set(outside)))
                yield from self._outside(stance, direction, version, shifts, end)

    def _alone(self, direction: str, version: int, said: Pair) -> tuple[Shift, ...]:
        """What changes where the other end enforces nothing."""
        ends = (said, NO_POLICY) if direction == "egress" else (NO_POLICY, said)
        return self._shifts.between(version, *ends)

    def _outside(
        self, stance: Stance, direction: str, version: int, shifts: tuple[Shift, ...], end: End
    ) -> Iterator[Finding]:
        own = End(ENDPOINTS, stance.bits(version))
        ends = (own, end) if direction == "egress" else (end, own)
        if own.members:
            yield from self._found(ends, version, shifts, {direction: stance})

    def _found(
        self, ends: tuple[End, End], version: int, shifts: Iterable[Shift], subjects: Mapping[str, Stance]
    ) -> Iterator[Finding]:
        certain = all(stance.known for stance in subjects.values())
        for shift in shifts:
            places = (self._place(rule, subjects[direction]) for direction, rule in shift.reasons)
            yield Finding(*ends, version, shift, tuple(place for place in places if place is not None), certain)

    def _place(self, rule: int, subject: Stance) -> Optional[Source]:
        """The line of a rule; where none decided, what isolates the subject."""
        return subject.place if rule == DEFAULT_DENY else self._rules.get(rule)


def _to_block(policy: Answers, block: str, nobody: bool) -> ByProtocol:
    """What is said to the addresses of a block that belong to no endpoint and to no host."""
    return CLOSED if nobody else policy.of(block)
