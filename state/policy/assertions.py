"""BOTH SIDES: what an assertion is about: every combination of its ends and ports, ports that are alike as one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Optional

from state.cluster import Cluster
from state.manifest import Assertion, End
from state.policy import parties, said
from state.policy.engine import Engine, engine_of
from state.policy.flow import NO_NAMES
from state.policy.parties import Party
from state.policy.portset import PortSet
from state.policy.rules import Rule


@dataclass(frozen=True)
class Combination:
    """One pair of ends, and the ports `port`..`last` that no rule about them tells apart; None for an echo request."""

    origin: str
    target: str
    protocol: str
    port: Optional[int] = None
    last: Optional[int] = None

    @property
    def count(self) -> int:
        """How many flows these are."""
        return 1 if self.port is None or self.last is None else self.last - self.port + 1

    @property
    def flows(self) -> tuple[Combination, ...]:
        """The flows that stand for all of them: with the first port, and with the last one."""
        first, last = replace(self, last=self.port), replace(self, port=self.last)
        return (first,) if self.count == 1 else (first, last)

    @property
    def what(self) -> str:
        """The ports with their protocol, or ICMP."""
        return said.span(self.protocol, self.port, self.last or self.port) if self.port is not None else self.protocol


def members(cluster: Cluster, ends: tuple[End, ...]) -> tuple[str, ...]:
    """The names that ends mean, in the order in which they are written, a selector's endpoints by name."""
    meaning = engine_of(cluster).meaning
    found: dict[str, None] = {}
    for end in ends:
        if isinstance(end, str):
            found[end] = None
        else:
            selected = meaning.selected(end)
            found.update({key: None for key, item in sorted(cluster.endpoints.items()) if item.identity in selected})
    return tuple(found)


def combinations(cluster: Cluster, assertion: Assertion) -> tuple[Combination, ...]:
    """All that an assertion is about. An endpoint is asked about itself only where both of its ends name it alone."""
    origins, targets = members(cluster, assertion.origins), members(cluster, assertion.targets)
    written = all(isinstance(end, str) for end in (*assertion.origins, *assertion.targets))
    alone = written and len(origins) == len(targets) == 1
    pairs = [(one, other) for one in origins for other in targets if alone or one != other]
    ports = PortSet.of((item.protocol, item.first, item.last) for item in assertion.ports)
    if not ports:
        return tuple(Combination(*pair, "ICMP") for pair in pairs)
    engine = engine_of(cluster)
    return tuple(found for pair in pairs for found in _cut(engine, pair, ports))


def _cut(engine: Engine, pair: tuple[str, str], ports: PortSet) -> Iterator[Combination]:
    """The ports, cut where a rule about either end begins or ends."""
    ends = parties.find(engine.cluster, pair[0]), parties.find(engine.cluster, pair[1])
    for protocol, first, last in ports.ranges:
        edges = [first, *sorted(_edges(engine, ends, protocol, first, last)), last + 1]
        for begin, end in zip(edges, edges[1:]):
            yield Combination(*pair, protocol, begin, end - 1)


def _edges(engine: Engine, ends: tuple[Party, Party], protocol: str, first: int, last: int) -> set[int]:
    """Where between two ports a rule about either end may begin to say something else."""
    if first == last:
        return set()
    found: set[int] = set()
    target = ends[1].endpoint
    names = NO_NAMES if target is None else engine.named(target.identity)
    for rule in _about(engine, ends):
        for port in rule.ports or ():
            numbers = [(port.first, port.last)] if not port.name else []
            numbers += [(number, number) for carried, number in names.get(port.name, ()) if carried == protocol]
            if port.protocol == protocol:
                found.update(edge for begin, end in numbers for edge in (begin, end + 1) if first < edge <= last)
    return found


def _about(engine: Engine, ends: tuple[Party, Party]) -> Iterator[Rule]:
    for direction, end in (("egress", ends[0]), ("ingress", ends[1])):
        if end.endpoint is not None:
            yield from engine.selecting(end.endpoint.identity, direction)[1]
