"""BOTH SIDES: what the rules about one subject grant or deny, by peer: the same for every host that has it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network

from state.policy.labels import HOST, WORLD_IPV4, WORLD_IPV6
from state.policy.rules import LAST, OWN_HOST, PROTOCOLS, Cidr, IpNetwork, Rule, every_port
from state.policy.segments import NOTHING, Layers, Lines, Span, lines, order
from state.policy.universe import NamedPorts, Names, Universe
from state.policy.verdicts import Entry, Outcome

Ports = tuple[tuple[str, int, int], ...]
ByProtocol = Mapping[str, Layers]
Prefix = tuple[int, int, int]
"""An address block as numbers: IP version, prefix length, and the prefix itself."""

EVERY_PORT: Ports = tuple((port.protocol, port.first, port.last) for port in every_port())


@dataclass(frozen=True)
class Grant:
    """What one rule says about some ports."""

    outcome: Outcome
    ports: Ports
    rule: int


@dataclass(frozen=True)
class BlockGrant:
    """What one rule says about an address block. `endpoints`: also of endpoints that live there."""

    grant: Grant
    excepts: frozenset[Prefix]
    endpoints: bool


@dataclass(frozen=True)
class Subject:
    """All that the rules say about one subject and direction: of everyone, identities, the world, and blocks."""

    base: ByProtocol
    entries: tuple[Entry, ...]
    world: Mapping[int, tuple[Grant, ...]]
    blocks: Mapping[Prefix, tuple[BlockGrant, ...]]
    mentioned: frozenset[tuple[IpNetwork, bool]]


def prefix(network: IpNetwork) -> Prefix:
    """The block as numbers."""
    return (
        network.version,
        network.prefixlen,
        int(network.network_address) >> (network.max_prefixlen - network.prefixlen),
    )


def shorter(block: Prefix, length: int) -> Prefix:
    """The block of this length that the block lies in."""
    version, own, top = block
    return version, length, top >> (own - length)


def text(block: Prefix) -> str:
    """The block as people write it."""
    version, length, top = block
    if version == 4:
        return str(IPv4Network((top << (32 - length), length)))
    return str(IPv6Network((top << (128 - length), length)))


def layers(grants: Iterable[Grant]) -> ByProtocol:
    """What the grants say together, protocol by protocol."""
    found: dict[tuple[str, Outcome], list[Span]] = {}
    for grant in grants:
        for protocol, first, last in grant.ports:
            found.setdefault((protocol, grant.outcome), []).append((first, last, grant.rule))
    return {
        protocol: Layers(found.get((protocol, Outcome.DENY), ()), found.get((protocol, Outcome.ALLOW), ()))
        for protocol in {protocol for protocol, _ in found}
    }


def differing(own: ByProtocol, base: ByProtocol) -> Lines:
    """What a peer's entries say: only where it differs from what everyone has."""
    return tuple(
        line
        for protocol in PROTOCOLS
        if protocol in own
        for line in lines(protocol, own[protocol].over(base.get(protocol, NOTHING)))
    )


class Gathering:
    """Collects the grants of one subject, rule by rule."""

    def __init__(self, universe: Universe, named: NamedPorts, direction: str, own_names: Names) -> None:
        self._universe, self._named, self._direction, self._own = universe, named, direction, own_names
        self._all: list[Grant] = []
        self._some: dict[int, list[Grant]] = {}
        self._blocks: dict[Prefix, list[BlockGrant]] = {}
        self._mentioned: set[tuple[IpNetwork, bool]] = set()

    def add(self, rule: Rule) -> None:
        """Take in a rule about the subject."""
        ports, names = self._ports(rule)
        if ports:
            grant = Grant(rule.outcome, ports, rule.id)
            if rule.peers.everyone:
                self._all.append(grant)
            elif bits := self._universe.meant(rule.peers):
                self._some.setdefault(bits, []).append(grant)
            for block in () if rule.peers.everyone else rule.peers.blocks:
                self._block(block, grant)
        if names:
            self._by_name(rule, names)

    def _ports(self, rule: Rule) -> tuple[Ports, Sequence[tuple[str, str]]]:
        """The ports by number, and those by name that only the peer knows (protocol, name)."""
        if rule.ports is None:
            return EVERY_PORT, ()
        numbers = [(port.protocol, port.first, port.last) for port in rule.ports if not port.name]
        names = [(port.protocol, port.name) for port in rule.ports if port.name]
        if self._direction == "egress":
            return tuple(numbers), names
        return (*numbers, *resolved(names, self._own)), ()

    def _by_name(self, rule: Rule, names: Sequence[tuple[str, str]]) -> None:
        """Named ports of an egress rule: each peer has its own numbers; who defines none of them gets nothing."""
        bits = self._universe.everything if rule.peers.everyone else self._universe.meant(rule.peers)
        alike: dict[Ports, list[int]] = {}
        for number in self._universe.numbers_of(bits):
            if ports := resolved(names, self._named.get(number, {})):
                alike.setdefault(ports, []).append(number)
        for ports, numbers in alike.items():
            self._some.setdefault(self._universe.bits_of(numbers), []).append(Grant(rule.outcome, ports, rule.id))

    def _block(self, block: Cidr, grant: Grant) -> None:
        excepts = frozenset(prefix(part) for part in block.excepts)
        self._blocks.setdefault(prefix(block.network), []).append(BlockGrant(grant, excepts, block.endpoints))
        self._mentioned.update((network, block.endpoints) for network in (block.network, *block.excepts))

    def subject(self, implied: Iterable[Grant]) -> Subject:
        """Everything gathered, the entries of identities already made; `implied` holds where no rule says anything."""
        base = layers((*self._all, *implied))
        sets: dict[int, list[int]] = {}
        for place, bits in enumerate(self._some):
            for number in self._universe.numbers_of(bits):
                sets.setdefault(number, []).append(place)
        groups = list(self._some.values())
        made: dict[tuple[int, ...], Lines] = {}
        found: list[Entry] = []
        world: dict[int, tuple[Grant, ...]] = {}
        for number, places in sorted(sets.items()):
            if number in (WORLD_IPV4, WORLD_IPV6):
                world[4 if number == WORLD_IPV4 else 6] = tuple(grant for place in places for grant in groups[place])
                continue
            if number == HOST and self._direction == "ingress":
                continue
            key = tuple(places)
            if key not in made:
                made[key] = differing(layers(grant for place in places for grant in groups[place]), base)
            found += [Entry(str(number), *line) for line in made[key]]
        for protocol in PROTOCOLS:
            found += [Entry("any", *line) for line in lines(protocol, base.get(protocol, NOTHING))]
            if self._direction == "ingress":
                found.append(Entry(str(HOST), protocol, 0, LAST[protocol], Outcome.ALLOW, OWN_HOST))
        blocks = {key: tuple(items) for key, items in self._blocks.items()}
        return Subject(base, tuple(sorted(found, key=order)), world, blocks, frozenset(self._mentioned))


def resolved(names: Iterable[tuple[str, str]], defined: Names) -> Ports:
    """Named ports as numbers, where an endpoint defines them for the protocol."""
    found: set[tuple[str, int, int]] = set()
    for protocol, name in names:
        known = defined.get(name, frozenset())
        found.update((protocol, number, number) for carried, number in known if carried == protocol)
    return tuple(sorted(found))
