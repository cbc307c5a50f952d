"""BOTH SIDES: the policy engine: may this flow begin? It answers by walking the documents' rules, nothing compiled.

The verdict is about the first packet; replies to what was allowed pass. Both ends are asked: egress at the source,
ingress at the destination. A host has a policy where a document selects it, and always reaches its own endpoints.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Optional, Union

from state.cluster import Cluster
from state.policy import parties
from state.policy.documents import rules_of
from state.policy.flow import ECHO, NO_NAMES, Far, Flow, NamedPorts, by_block, contains, home, port_matches, seen_by
from state.policy.labels import Labels, Selector, host_labels
from state.policy.meaning import Meaning
from state.policy.parties import IpAddress, Party
from state.policy.remember import OncePerCluster
from state.policy.rules import Peers, Rule, Rules, Section
from state.policy.verdicts import Outcome
from state.problem import Source

Subject = Union[int, str]
"""Whom a policy is about: the endpoints of an identity, or the host of a name."""


@dataclass(frozen=True)
class Side:
    """What one end says. `rules` are the places that decided: what allows, denies, or isolates the subject.

    `peer` is the name of the other end, `flow` what was judged.
    """

    direction: str
    subject: str
    peer: str
    flow: Flow
    allowed: bool
    reason: str
    rules: tuple[Source, ...] = ()


@dataclass(frozen=True)
class Verdict:
    """The answer, and why. `egress` or `ingress` is None where that end has no policy: the world, or most hosts."""

    allowed: bool
    reason: str
    egress: Optional[Side] = None
    ingress: Optional[Side] = None

    @property
    def word(self) -> str:
        """`allow` or `deny`, as assertions spell it."""
        return "allow" if self.allowed else "deny"

    @property
    def rules(self) -> tuple[Source, ...]:
        """The places that decided, of the ends that matter: all for an allow, the denying ends' for a deny."""
        sides = [side for side in (self.egress, self.ingress) if side is not None and side.allowed == self.allowed]
        return tuple(dict.fromkeys(source for side in sides for source in side.rules))


class Engine:
    """The documents of one cluster, ready to judge flows. Who is selected is found once per selector and identity.

    `rules` are those to judge by, where the cluster's documents have some that no host can enforce yet.
    """

    def __init__(self, cluster: Cluster, rules: Optional[Rules] = None) -> None:
        self.cluster = cluster
        self.rules = rules_of(cluster.documents) if rules is None else rules
        self.meaning = Meaning(cluster)
        self._about = {**self._by_identity(), **self._by_host()}
        self._hosts_matter = any(section.hosts for section in self.rules.sections)
        self._selected: dict[tuple[Subject, str], tuple[list[Section], list[Rule]]] = {}
        self._between: dict[tuple[Subject, str, int], list[tuple[Rule, bool]]] = {}
        self._named: dict[int, dict[str, frozenset[tuple[str, int]]]] = {}
        for endpoint in cluster.endpoints.values():
            ports = self._named.setdefault(endpoint.identity, {})
            for name, port in endpoint.ports.items():
                key = name.lower()
                ports[key] = ports.get(key, frozenset()) | {(port.protocol, port.number)}

    def _by_identity(self) -> Mapping[Subject, frozenset[Selector]]:
        """The selectors of endpoints that each identity is among."""
        found: dict[Subject, set[Selector]] = {}
        for selector in {section.subject for section in self.rules.sections if not section.hosts}:
            for number in self.meaning.selected(selector):
                found.setdefault(number, set()).add(selector)
        return {number: frozenset(selectors) for number, selectors in found.items()}

    def _by_host(self) -> Mapping[Subject, frozenset[Selector]]:
        """The selectors of hosts that each host is among."""
        selectors = {section.subject for section in self.rules.sections if section.hosts}
        labels = {host.name: Labels(host_labels(host.labels)) for host in self.cluster.hosts.values()}
        return {name: frozenset(one for one in selectors if one.matches(has)) for name, has in labels.items()}

    def named(self, identity: int) -> NamedPorts:
        """What endpoints of this identity call their ports, in lower case; replicas that disagree have all of them."""
        return self._named.get(identity, NO_NAMES)

    def decide(self, source: Party, destination: Party, protocol: str, port: Optional[int]) -> Verdict:
        """The verdict about a new flow. For ICMP, `port` is the type; None is an echo request."""
        if source.nobody or destination.nobody:
            missing = source if source.nobody else destination
            return Verdict(False, f"{missing.name} lies in ranges.endpoints, and no endpoint has it")
        if source.endpoint is not None and destination.endpoint is not None and source.name == destination.name:
            return Verdict(True, "an endpoint always reaches itself")
        if source.endpoint is None and destination.endpoint is None:
            if not self._hosts_matter or (source.world and destination.world):
                return Verdict(True, "no policy applies: neither end is an endpoint")
            if source.name == destination.name:
                return Verdict(True, "a host always reaches itself")
        pair = _addresses(source, destination)
        if pair is None:
            return Verdict(False, f"{source.name} and {destination.name} have no address family in common")
        version = next((address.version for address in pair if address is not None), 4)
        if protocol in ("ICMP", "ICMPV6"):
            protocol, port = ("ICMP" if version == 4 else "ICMPV6"), (ECHO[version] if port is None else port)
        assert port is not None
        return self._both(source, destination, pair, protocol, port)

    def _both(
        self,
        source: Party,
        destination: Party,
        pair: tuple[Optional[IpAddress], Optional[IpAddress]],
        protocol: str,
        port: int,
    ) -> Verdict:
        named = NO_NAMES if destination.endpoint is None else self.named(destination.endpoint.identity)
        if source.host is not None and destination.endpoint is not None and source.name == home(destination):
            return Verdict(True, "a host always reaches its own endpoints")
        far = seen_by(source, destination, pair[1])
        egress = self._side("egress", source, destination, Flow(far, protocol, port, named))
        far = seen_by(destination, source, pair[0])
        ingress = self._side("ingress", destination, source, Flow(far, protocol, port, named))
        sides = [side for side in (egress, ingress) if side is not None]
        denying = [side for side in sides if not side.allowed]
        reason = "; ".join(dict.fromkeys(side.reason for side in sides))
        if denying:
            also = f"; {denying[1].subject} would deny it too" if len(denying) > 1 else ""
            reason = denying[0].reason + also
        return Verdict(not denying, reason, egress, ingress)

    def _side(self, direction: str, subject: Party, peer: Party, flow: Flow) -> Optional[Side]:
        """What the subject's policy says; None where it has none: the world, and a host that no document selects."""
        if subject.world:
            return None
        about = subject.name if subject.endpoint is None else subject.endpoint.identity
        if subject.host is not None and not self.selecting(about, direction)[0]:
            return None

        def side(allowed: bool, reason: str, rules: tuple[Source, ...] = ()) -> Side:
            return Side(direction, subject.name, peer.name, flow, allowed, reason, rules)

        matching = self.matching(about, direction, flow)
        for outcome, word in ((Outcome.DENY, "denied"), (Outcome.ALLOW, "allowed")):
            found = tuple(dict.fromkeys(rule.source for rule in matching if rule.outcome is outcome))
            if found:
                return side(word == "allowed", f"{word} by {_places(found)}", found)
        isolating = self.isolating(about, direction)
        if isolating:
            reason = f"no rule matched; {subject.name} is isolated for {direction} by {_places(isolating)}"
            return side(False, reason, isolating)
        return side(True, f"no policy isolates {subject.name} for {direction}")

    def matching(self, subject: Subject, direction: str, flow: Flow) -> list[Rule]:
        """The rules about a subject that match a flow, whatever they say of it."""
        return [
            rule
            for rule in self.meaning_far(subject, direction, flow.far)
            if rule.ports is None or any(port_matches(port, flow) for port in rule.ports)
        ]

    def isolating(self, subject: Subject, direction: str) -> tuple[Source, ...]:
        """Where it is said that a subject is isolated in this direction."""
        sections, _ = self.selecting(subject, direction)
        return tuple(dict.fromkeys(section.source for section in sections if section.isolates))

    def selecting(self, subject: Subject, direction: str) -> tuple[list[Section], list[Rule]]:
        """The sections and rules about a subject in this direction."""
        key = (subject, direction)
        if key not in self._selected:
            chosen, hosts = self._about.get(subject, frozenset()), isinstance(subject, str)

            def speaks(item: Union[Section, Rule]) -> bool:
                return item.direction == direction and item.hosts == hosts and item.subject in chosen

            self._selected[key] = (list(filter(speaks, self.rules.sections)), list(filter(speaks, self.rules.rules)))
        return self._selected[key]

    def meaning_far(self, subject: Subject, direction: str, far: Far) -> list[Rule]:
        """The rules about a subject whose peers mean the other end, whatever the ports."""
        key = (subject, direction, far.identity)
        if key not in self._between:
            known = [(rule, self.means_identity(rule.peers, far.identity)) for rule in self.selecting(*key[:2])[1]]
            self._between[key] = [(rule, sure) for rule, sure in known if sure or by_block(rule.peers, far)]
        return [
            rule
            for rule, sure in self._between[key]
            if sure or any(contains(block, far) for block in rule.peers.blocks)
        ]

    def means_identity(self, peers: Peers, identity: int) -> bool:
        """Whether peers mean an identity, whatever address it has."""
        return (
            peers.everyone
            or any(identity in self.meaning.selected(selector) for selector in peers.selectors)
            or any(identity in self.meaning.entity(entity) for entity in peers.entities)
        )


engine_of = OncePerCluster(Engine)
"""The engine of a cluster: of the same cluster the same."""


def decide(
    cluster: Cluster,
    source: Union[str, Party],
    destination: Union[str, Party],
    protocol: str,
    port: Optional[int] = None,
) -> Verdict:
    """May `source` begin a flow to `destination`? Both are a party, `namespace/name`, a host's name or an address.

    Where both have addresses of two families, the first counts; `decide_each` judges every one.
    """
    ends = _party(cluster, source), _party(cluster, destination)
    return engine_of(cluster).decide(*ends, protocol, port)


def decide_each(
    cluster: Cluster,
    source: Union[str, Party],
    destination: Union[str, Party],
    protocol: str,
    port: Optional[int] = None,
) -> Mapping[int, Verdict]:
    """The verdict in each family that both ends have, by IP version; of those without one the only verdict, at 0.

    Policies may treat the families of one pair differently: blocks of addresses do, and `icmps`.
    """
    ends = _party(cluster, source), _party(cluster, destination)
    engine = engine_of(cluster)
    found = {
        version: engine.decide(ends[0].by(version), ends[1].by(version), protocol, port)
        for version in parties.families(*ends)
    }
    return found or {0: engine.decide(*ends, protocol, port)}


def _party(cluster: Cluster, end: Union[str, Party]) -> Party:
    return end if isinstance(end, Party) else parties.find(cluster, end)


def _addresses(source: Party, destination: Party) -> Optional[tuple[Optional[IpAddress], Optional[IpAddress]]]:
    """The addresses of both ends in the first family both have. Of a host none may be known: it goes along."""
    for left in source.addresses:
        for right in destination.addresses:
            if left.version == right.version:
                return left, right
    if source.host is not None or destination.host is not None:
        return next(iter(source.addresses), None), next(iter(destination.addresses), None)
    return None


def _places(sources: tuple[Source, ...]) -> str:
    shown = [f"{source.file}:{source.line}" for source in sources]
    return ", ".join(shown[:2]) + (f" and {len(shown) - 2} more" if len(shown) > 2 else "")
