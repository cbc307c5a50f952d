"""BOTH SIDES: documents compiled to what the tables hold: for each subject on a host, entries by peer and port range.

What is the same for every host is computed once per cluster: which identities a selector means, and the entries of
identities. Only the blocks differ: a host knows those that its own subjects' policies mention. A trie answers with the
narrowest block alone, so each one carries what all wider ones say.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import ip_network
from typing import Optional

from state.cluster import Cluster
from state.policy.documents import rules_of
from state.policy.grants import (
    EVERY_PORT,
    Gathering,
    Grant,
    Prefix,
    Subject,
    differing,
    layers,
    prefix,
    shorter,
    text,
)
from state.policy.labels import Selector
from state.policy.remember import OncePerCluster
from state.policy.rules import NOT_ISOLATED, Rule, Section, sources
from state.policy.segments import Lines, order
from state.policy.universe import Names, Universe, named_ports
from state.policy.verdicts import Entry, Outcome, Policy
from state.problem import Source

DIRECTIONS = ("egress", "ingress")
WORLD = ("0.0.0.0/0", "::/0")


@dataclass(frozen=True)
class Compiled:
    """What one host enforces.

    `policies` by direction and the subject's identity; who is not among them is not isolated. `blocks` are the address
    blocks the host must know, each with whether it lies inside ranges.endpoints. `sources`: where each is wanted.
    """

    policies: Mapping[tuple[str, int], Policy]
    blocks: Mapping[str, bool]
    sources: Mapping[tuple[str, int], Source]


class Compiler:
    """The documents of one cluster, compiled on demand: every subject and every host once, whoever asks."""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster
        self.rules = rules_of(cluster.documents)
        self.universe = Universe(cluster)
        self.named = named_ports(cluster)
        self._said: dict[tuple[str, int], tuple[list[Section], list[int]]] = {}
        for section in self.rules.sections:
            self._about(section.direction, section.subject)[0].append(section)
        for place, rule in enumerate(self.rules.rules):
            self._about(rule.direction, rule.subject)[1].append(place)
        self._subjects: dict[object, Subject] = {}
        self._policies: dict[object, Policy] = {}
        self._hosts: dict[str, Compiled] = {}
        ranges = (cluster.ranges.ipv4, cluster.ranges.ipv6)
        self._ranges = tuple(prefix(network) for network in ranges if network is not None)

    def for_host(self, host: str) -> Compiled:
        """The policies and blocks of one host."""
        if host not in self._hosts:
            self._hosts[host] = self._compile(host)
        return self._hosts[host]

    def _compile(self, host: str) -> Compiled:
        identities = sorted({endpoint.identity for endpoint in self.cluster.endpoints_on(host)})
        found: dict[tuple[str, int], tuple[object, Subject, Source]] = {}
        for direction in DIRECTIONS:
            for identity in identities:
                made = self._subject(direction, identity)
                if made is not None:
                    found[direction, identity] = made
        blocks = self._blocks(subject for _, subject, _ in found.values())
        policies = {key: self._policy(name, subject, blocks) for key, (name, subject, _) in found.items()}
        places = {key: place for key, (_, _, place) in found.items()}
        return Compiled(policies, {text(block): self._inside(block) for block in blocks}, places)

    def _about(self, direction: str, subject: Selector) -> tuple[list[Section], list[int]]:
        """The sections, and the places of the rules, about the identities that a selector means."""
        return self._said.setdefault((direction, self.universe.selected(subject)), ([], []))

    def _subject(self, direction: str, identity: int) -> Optional[tuple[object, Subject, Source]]:
        """What the rules say about a subject, the name under which it is kept, and where it is said."""
        bit = 1 << self.universe.place[identity]
        said = [found for (way, bits), found in self._said.items() if way == direction and bits & bit]
        sections = [section for found, _ in said for section in found]
        places = sorted(place for _, found in said for place in found)
        isolating = [section for section in sections if section.isolates]
        rules = [self.rules.rules[place] for place in places]
        if not isolating and not any(rule.outcome is Outcome.DENY for rule in rules):
            return None
        nothing: Names = {}
        own = self.named.get(identity, nothing) if direction == "ingress" else nothing
        used = {port.name for rule in rules for port in rule.ports or () if port.name}
        names = tuple((name, own[name]) for name in sorted(own) if name in used)
        key = direction, tuple(places), bool(isolating), names
        if key not in self._subjects:
            self._subjects[key] = self._gather(direction, rules, bool(isolating), dict(names))
        return key, self._subjects[key], (isolating or sections)[0].source

    def _gather(self, direction: str, rules: Sequence[Rule], isolated: bool, own: Names) -> Subject:
        gathering = Gathering(self.universe, self.named, direction, own)
        for rule in rules:
            gathering.add(rule)
        return gathering.subject(() if isolated else (Grant(Outcome.ALLOW, EVERY_PORT, NOT_ISOLATED),))

    def _inside(self, block: Prefix) -> bool:
        return any(own[0] == block[0] and own[1] <= block[1] and shorter(block, own[1]) == own for own in self._ranges)

    def _blocks(self, subjects: Iterable[Subject]) -> tuple[Prefix, ...]:
        """The world, the endpoint ranges, and every block that can make a difference to the subjects."""
        found = {prefix(ip_network(block)) for block in WORLD} | set(self._ranges)
        for subject in subjects:
            for network, endpoints in subject.mentioned:
                block = prefix(network)
                if endpoints or not self._inside(block):  # of a Cilium policy, a block never means endpoints
                    found.add(block)
        return tuple(sorted(found))

    def _policy(self, name: object, subject: Subject, blocks: tuple[Prefix, ...]) -> Policy:
        key = name, blocks
        if key not in self._policies:
            self._policies[key] = self._with_blocks(subject, blocks)
        return self._policies[key]

    def _with_blocks(self, subject: Subject, blocks: tuple[Prefix, ...]) -> Policy:
        lengths = {(block[0], block[1]) for block in subject.blocks} | {
            (part[0], part[1]) for items in subject.blocks.values() for item in items for part in item.excepts
        }
        made: dict[tuple[Grant, ...], Lines] = {}
        found: list[Entry] = []
        by_block = False
        for block in blocks:
            inside = self._inside(block)
            grants = _applying(subject, block, lengths, inside)
            if grants not in made:
                made[grants] = differing(layers(grants), subject.base)
            by_block = by_block or (inside and bool(made[grants]))
            found += [Entry(text(block), *line) for line in made[grants]]
        return Policy(by_block, tuple(sorted((*subject.entries, *found), key=order)))


def _applying(subject: Subject, block: Prefix, lengths: Iterable[tuple[int, int]], inside: bool) -> tuple[Grant, ...]:
    """The grants that hold in all of a block. Inside the endpoint ranges: only those that mean endpoints too."""
    around = {shorter(block, length) for version, length in lengths if version == block[0] and length <= block[1]}
    found = () if inside else subject.world.get(block[0], ())
    return found + tuple(
        item.grant
        for wider in sorted(around)
        for item in subject.blocks.get(wider, ())
        if (item.endpoints or not inside) and item.excepts.isdisjoint(around)
    )


_compiler = OncePerCluster(Compiler)


def compile_policies(cluster: Cluster, host: str) -> Compiled:
    """What `host` enforces: the policies of the subjects it has, and the blocks it must know."""
    return _compiler(cluster).for_host(host)


def rule_sources(cluster: Cluster) -> Mapping[int, Source]:
    """Where each rule stands, by the number it has in events and tables."""
    return sources(_compiler(cluster).rules.rules)
