"""BOTH SIDES: how far rules reach: which ports of which groups each one means, and what others leave of that."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from state.policy.engine import Engine
from state.policy.flow import contains
from state.policy.groups import Group
from state.policy.portset import PortSet
from state.policy.reach import CARRIED, granted
from state.policy.rules import Rule

Peer = tuple[str, int]
"""A group by its name, and an IP version."""


@dataclass(frozen=True)
class Extent:
    """Ports by peer. `means` are the names of the groups that a rule means, also on no port at all."""

    ports: Mapping[Peer, PortSet]
    means: frozenset[str] = field(default=frozenset())

    def __bool__(self) -> bool:
        return bool(self.ports)

    def __sub__(self, other: Extent) -> Extent:
        left = {peer: ports - other.ports.get(peer, PortSet()) for peer, ports in self.ports.items()}
        return Extent({peer: ports for peer, ports in left.items() if ports}, self.means)

    def __and__(self, other: Extent) -> Extent:
        return self - (self - other)

    def meets(self, other: Extent) -> bool:
        """Whether they have a port of a peer in common."""
        return any(peer in other.ports and bool(ports & other.ports[peer]) for peer, ports in self.ports.items())

    @property
    def size(self) -> int:
        """How many ports of peers these are."""
        return sum(ports.size for ports in self.ports.values())


def extent(engine: Engine, rule: Rule, peers: Iterable[Group], subject: Group) -> Extent:
    """What a rule means of these peers, seen from a subject, over the families that both have."""
    found: dict[Peer, PortSet] = {}
    means: set[str] = set()
    for peer in peers:
        named = engine.named((subject if rule.direction == "ingress" else peer).identity)
        for version in sorted(peer.addresses.keys() & subject.addresses.keys()):
            far = peer.far(version)
            if engine.means_identity(rule.peers, far.identity) or any(
                contains(block, far) for block in rule.peers.blocks
            ):
                means.add(peer.name)
                ports = granted(rule, named).only(CARRIED[version])
                if ports:
                    found[peer.name, version] = ports
    return Extent(found, frozenset(means))


def union(extents: Iterable[Extent]) -> Extent:
    """What any of them means."""
    found: dict[Peer, PortSet] = {}
    for one in extents:
        for peer, ports in one.ports.items():
            found[peer] = found[peer] | ports if peer in found else ports
    return Extent(found)


def superfluous(extents: Sequence[Extent]) -> Mapping[int, tuple[int, ...]]:
    """Those of which the others leave nothing, by place, each with the places of the others that it takes.

    All of them could go together and nothing would change: of equals the first stays, and the broad before the narrow.
    """
    staying = set(range(len(extents)))
    found: dict[int, tuple[int, ...]] = {}
    for place in sorted(staying, key=lambda place: (extents[place].size, -place)):
        own = extents[place]
        around = [other for other in sorted(staying - {place}) if own.meets(extents[other])]
        if own and not own - union(extents[other] for other in around):
            staying.discard(place)
            found[place] = tuple(around)
    return {place: _enough(extents, place, around) for place, around in found.items()}


def _enough(extents: Sequence[Extent], place: int, around: Sequence[int]) -> tuple[int, ...]:
    """The one that covers it alone, if there is one; else all of them."""
    return next(((other,) for other in around if not extents[place] - extents[other]), tuple(around))
