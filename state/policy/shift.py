"""BOTH SIDES: what changes for one flow: the ports that both ends let pass, before and after."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from state.policy.cuts import ByProtocol, allows, ranges
from state.policy.peer_answers import OPEN

Pair = tuple[ByProtocol, ByProtocol]
"""What one end says before and after."""
Reasons = tuple[tuple[str, int], ...]
"""Direction and rule, of the ends that changed their mind."""

PROTOCOLS = {4: ("TCP", "UDP", "SCTP", "ICMP"), 6: ("TCP", "UDP", "SCTP", "ICMPV6")}
NO_POLICY: Pair = (OPEN, OPEN)
"""What a host or the world says, that enforces nothing."""


@dataclass(frozen=True)
class Shift:
    """Ports `first`..`last` that start (`allowed`) or stop being allowed, and why."""

    protocol: str
    first: int
    last: int
    allowed: bool
    reasons: Reasons


class Shifts:
    """All shifts worked out so far: many pairs of endpoints ask the same question."""

    def __init__(self) -> None:
        self._known: dict[object, tuple[Shift, ...]] = {}
        self._kept: list[tuple[Pair, Pair]] = []  # else an answer's number could be given to another one

    def between(self, version: int, egress: Pair, ingress: Pair) -> tuple[Shift, ...]:
        """What changes between two ends in one family; `egress` is what the source says, `ingress` the destination."""
        if egress[0] is egress[1] and ingress[0] is ingress[1]:
            return ()
        key = version, *map(id, egress), *map(id, ingress)
        if key not in self._known:
            self._known[key] = tuple(_joined(_shifts(version, egress, ingress)))
            self._kept.append((egress, ingress))
        return self._known[key]


def _shifts(version: int, egress: Pair, ingress: Pair) -> Iterator[Shift]:
    for protocol in PROTOCOLS[version]:
        said = [side.get(protocol, ()) for side in (*egress, *ingress)]
        for first, last, answers in ranges(said):
            before = allows(answers[0]) and allows(answers[2])
            after = allows(answers[1]) and allows(answers[3])
            if before != after:
                ends = (("egress", answers[0], answers[1]), ("ingress", answers[2], answers[3]))
                reasons = tuple(
                    (direction, 0 if now is None else now[1])
                    for direction, was, now in ends
                    if allows(was) != allows(now) and allows(now) is after
                )
                yield Shift(protocol, first, last, after, reasons)


def _joined(shifts: Iterator[Shift]) -> Iterator[Shift]:
    open_: Shift | None = None
    for shift in shifts:
        if open_ is not None and open_.last + 1 == shift.first and _same(open_, shift):
            open_ = Shift(open_.protocol, open_.first, shift.last, open_.allowed, open_.reasons)
            continue
        if open_ is not None:
            yield open_
        open_ = shift
    if open_ is not None:
        yield open_


def _same(one: Shift, other: Shift) -> bool:
    return (one.protocol, one.allowed, one.reasons) == (other.protocol, other.allowed, other.reasons)
