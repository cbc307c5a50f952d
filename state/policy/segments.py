"""BOTH SIDES: ranges of ports and what holds in them: painted over each other, taken out of each other, joined.

A `Span` is (first, last, rule). Painted spans are sorted and do not overlap, and neighbours with one rule are one span.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Sequence
from operator import itemgetter

from state.policy.rules import PROTOCOLS
from state.policy.verdicts import Entry, Outcome

Span = tuple[int, int, int]
Spans = tuple[Span, ...]


def paint(spans: Iterable[Span]) -> Spans:
    """The spans without overlap: where several lie, the smallest rule number shows."""
    ordered = sorted(spans)
    edges = sorted({edge for first, last, _ in ordered for edge in (first, last + 1)})
    open_: list[tuple[int, int]] = []
    painted: list[Span] = []
    place = 0
    for edge, following in zip(edges, edges[1:]):
        while place < len(ordered) and ordered[place][0] == edge:
            heapq.heappush(open_, (ordered[place][2], ordered[place][1]))
            place += 1
        while open_ and open_[0][1] < edge:
            heapq.heappop(open_)
        if open_:
            painted.append((edge, following - 1, open_[0][0]))
    return join(painted)


def join(spans: Iterable[Span]) -> Spans:
    """Sorted spans with touching ones of the same rule made one."""
    joined: list[Span] = []
    for first, last, rule in spans:
        if joined and joined[-1][1] + 1 == first and joined[-1][2] == rule:
            joined[-1] = (joined[-1][0], last, rule)
        else:
            joined.append((first, last, rule))
    return tuple(joined)


def without(spans: Spans, covered: Sequence[Span]) -> Spans:
    """What of the painted spans no span of `covered` (sorted, without overlap) covers."""
    left: list[Span] = []
    place = 0
    for span in spans:
        first, last, rule = span
        while place < len(covered) and covered[place][1] < first:
            place += 1
        at = place
        while at < len(covered) and covered[at][0] <= last:
            if first < covered[at][0]:
                left.append((first, covered[at][0] - 1, rule))
            first = max(first, covered[at][1] + 1)
            at += 1
        if first <= last:
            left.append((first, last, rule))
    return join(left)


class Layers:
    """What is denied and allowed on one protocol: denied spans hide allowed ones."""

    def __init__(self, denied: Iterable[Span], allowed: Iterable[Span]) -> None:
        self.denied = paint(denied)
        self.allowed = without(paint(allowed), self.denied)

    def over(self, base: Layers) -> Layers:
        """Only what differs from the base below, which is asked where this says nothing: the base's denials stay."""
        denied = without(self.denied, base.denied)
        shown = Layers((), ())
        shown.denied = denied
        shown.allowed = without(without(self.allowed, base.denied), base.allowed)
        return shown


NOTHING = Layers((), ())


Line = tuple[str, int, int, Outcome, int]
"""An entry without its peer: peers that are alike share them."""
Lines = tuple[Line, ...]


def lines(protocol: str, layers: Layers) -> list[Line]:
    """What the layers of one protocol say, in port order."""
    found = [(first, last, Outcome.DENY, rule) for first, last, rule in layers.denied]
    found += [(first, last, Outcome.ALLOW, rule) for first, last, rule in layers.allowed]
    return [(protocol, *said) for said in sorted(found, key=itemgetter(0))]


def order(entry: Entry) -> tuple[str, int, int]:
    """How the entries of a policy are sorted: by peer, protocol and port."""
    return entry.peer, PROTOCOLS.index(entry.protocol), entry.first
