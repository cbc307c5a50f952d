"""BOTH SIDES: sets of ports: ranges by protocol, joined, taken away from each other and counted, never expanded."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from state.policy import segments
from state.policy.rules import PROTOCOLS, every_port

Range = tuple[str, int, int]
"""Protocol, first and last port; or ICMP and types."""


@dataclass(frozen=True)
class PortSet:
    """Ports of several protocols. `ranges` are sorted, do not overlap and do not touch: equal sets are equal values."""

    ranges: tuple[Range, ...] = ()

    @classmethod
    def of(cls, ranges: Iterable[Range]) -> PortSet:
        """The ports of ranges in any order."""
        found: dict[str, list[segments.Span]] = {}
        for protocol, first, last in ranges:
            found.setdefault(protocol, []).append((first, last, 0))
        painted = {protocol: segments.paint(spans) for protocol, spans in found.items()}
        return cls(tuple((name, first, last) for name in PROTOCOLS for first, last, _ in painted.get(name, ())))

    def __bool__(self) -> bool:
        return bool(self.ranges)

    def __or__(self, other: PortSet) -> PortSet:
        if not self or not other:
            return self or other
        return PortSet.of((*self.ranges, *other.ranges))

    def __sub__(self, other: PortSet) -> PortSet:
        if not self or not other:
            return self
        left: list[Range] = []
        for protocol in PROTOCOLS:
            spans = segments.without(self._spans(protocol), other._spans(protocol))
            left += [(protocol, first, last) for first, last, _ in spans]
        return PortSet(tuple(left))

    def __and__(self, other: PortSet) -> PortSet:
        if other == EVERY_PORT:
            return self
        return other if self == EVERY_PORT else self - (self - other)

    def only(self, protocols: Iterable[str]) -> PortSet:
        """The ports of some protocols."""
        wanted = tuple(protocols)
        return PortSet(tuple(item for item in self.ranges if item[0] in wanted))

    @property
    def size(self) -> int:
        """How many ports these are."""
        return sum(last - first + 1 for _, first, last in self.ranges)

    def _spans(self, protocol: str) -> segments.Spans:
        return tuple((first, last, 0) for name, first, last in self.ranges if name == protocol)


EVERY_PORT = PortSet.of((port.protocol, port.first, port.last) for port in every_port())
"""Every port of every protocol, and every kind of ICMP."""
