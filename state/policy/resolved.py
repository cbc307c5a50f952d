"""BOTH SIDES: the policy of one endpoint: every rule about it, whom it means today, what others leave of it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from state.cluster import Cluster, Endpoint
from state.policy import said
from state.policy.engine import Engine, engine_of
from state.policy.extent import Extent, extent
from state.policy.fates import Fate, Told, fates
from state.policy.flow import NamedPorts
from state.policy.groups import OWN_HOST, Group, groups
from state.policy.labels import Selector
from state.policy.nearest import Lack, selector_lack
from state.policy.portset import EVERY_PORT
from state.policy.reach import CARRIED
from state.policy.rules import Rule
from state.policy.verdicts import Outcome
from state.problem import Source

DIRECTIONS = ("ingress", "egress")


@dataclass(frozen=True)
class Entry:
    """One rule about an endpoint. `peers` and `ports` are what it says, `means` are the groups it means today.

    `others` are the rules that make its fate; of one that matters, those that deny a part of it. `empty` are selectors
    of it that match nothing in the cluster.
    """

    rule: Rule
    peers: str
    ports: str
    means: tuple[str, ...]
    fate: Fate
    others: tuple[Source, ...]
    empty: tuple[str, ...]


@dataclass(frozen=True)
class Direction:
    """All that is said of one direction; `isolating` is where it is said that everything else is denied."""

    name: str
    isolating: tuple[Source, ...]
    entries: tuple[Entry, ...]


@dataclass(frozen=True)
class Unused:
    """A policy that selects no endpoint at all, and what the endpoint lacks for it."""

    document: str
    source: Source
    lack: Lack


@dataclass(frozen=True)
class Resolved:
    """The policy of one endpoint, and the policies that select nobody: one of them may have been meant for it."""

    endpoint: Endpoint
    directions: tuple[Direction, ...]
    unused: tuple[Unused, ...]


def resolve(cluster: Cluster, endpoint: Endpoint) -> Resolved:
    """What the documents say about an endpoint, both directions."""
    engine = engine_of(cluster)
    everybody = groups(engine)
    found = (_direction(engine, name, endpoint, everybody) for name in DIRECTIONS)
    return Resolved(endpoint, tuple(found), tuple(_unused(engine, endpoint)))


def _direction(engine: Engine, name: str, endpoint: Endpoint, everybody: Sequence[Group]) -> Direction:
    subject = next(group for group in everybody if group.kind == "endpoints" and endpoint.key in group.members)
    peers = [group for group in everybody if _judged(name, subject, group)]
    rules = engine.selecting(endpoint.identity, name)[1]
    extents = [extent(engine, rule, peers, subject) for rule in rules]
    isolating = engine.isolating(endpoint.identity, name)
    told = fates(rules, extents, None if isolating else _everything(peers))
    entries: list[Entry] = []
    for rule, reach, one in zip(rules, extents, told):
        means = [group for group in peers if group.name in reach.means]
        named = _named(engine, [subject] if name == "ingress" else means)
        empty = tuple(said.selector(item) for item in rule.peers.selectors if not engine.meaning.selected(item))
        words = said.peers(rule.peers), said.ports(rule.ports, named)
        entries.append(Entry(rule, *words, tuple(group.name for group in means), one.fate, _places(rules, one), empty))
    return Direction(name, isolating, tuple(sorted(entries, key=_order)))


def _judged(direction: str, subject: Group, peer: Group) -> bool:
    """Whether policy judges what passes between them: nobody asks what an endpoint's own host, or itself, sends it."""
    if peer.name == OWN_HOST:
        return direction == "egress"
    return peer != subject or len(subject.members) > 1


def _everything(peers: Sequence[Group]) -> Extent:
    return Extent(
        {(peer.name, version): EVERY_PORT.only(CARRIED[version]) for peer in peers for version in peer.addresses}
    )


def _named(engine: Engine, destinations: Iterable[Group]) -> NamedPorts:
    """What destinations call their ports, all of them together."""
    found: dict[str, frozenset[tuple[str, int]]] = {}
    for group in destinations:
        for name, numbers in engine.named(group.identity).items():
            found[name] = found.get(name, frozenset()) | numbers
    return found


def _places(rules: Sequence[Rule], told: Told) -> tuple[Source, ...]:
    return tuple(dict.fromkeys(rules[other].source for other in told.others))


def _order(entry: Entry) -> tuple[bool, str, str, str, int]:
    """Denials first, for they win; then by peer, port and place."""
    source = entry.rule.source
    return entry.rule.outcome is Outcome.ALLOW, entry.peers, entry.ports, source.file, source.line


def _unused(engine: Engine, endpoint: Endpoint) -> Iterator[Unused]:
    """The policies that select nobody, those first that nearly select the endpoint."""
    used = {item.identity for item in engine.cluster.endpoints.values()}
    found: dict[tuple[str, Selector], Source] = {}
    for section in engine.rules.sections:
        if used.isdisjoint(engine.meaning.selected(section.subject)):
            found.setdefault((section.document, section.subject), section.source)
    labels = engine.meaning.labels(endpoint.identity)
    unused = [
        Unused(document, source, selector_lack("subject", "it selects", subject, labels, endpoint.key))
        for (document, subject), source in found.items()
    ]
    yield from sorted(unused, key=lambda one: one.lack.distance)
