"""BOTH SIDES: why a flow is denied, and what would have to be otherwise: the rules that come nearest to allowing it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Optional

from state.policy import said
from state.policy.engine import Engine, Side
from state.policy.flow import ECHO, Far, Flow, contains, port_matches
from state.policy.labels import ANY_NAMESPACE, Labels, Requirement, Selector
from state.policy.rules import Cidr, Ports, Rule
from state.policy.verdicts import Outcome
from state.problem import Source

SHOWN = 3
MOST_LACKS = 2
MISSPELT, OTHER, ABSENT = 0.5, 1.0, 1.5
ALIKE = 0.6
"""How much two words have in common of which one is probably the other, misspelt."""
WAY = {"ingress": "from", "egress": "to"}


@dataclass(frozen=True)
class Lack:
    """One thing that keeps a rule from matching: `about` is `subject`, `peer` or `port`; what it wants, what there is.

    `distance` says how far off it is: less than 1 for what looks like a slip of the pen.
    """

    about: str
    wants: str
    has: str
    distance: float


@dataclass(frozen=True)
class Near:
    """A rule that would allow a flow, but for what it lacks. `meets` is how many of its conditions the flow meets."""

    rule: Rule
    lacks: tuple[Lack, ...]
    meets: int

    @property
    def rank(self) -> tuple[int, float, int]:
        """How near it is: the less the nearer."""
        return len(self.lacks), sum(lack.distance for lack in self.lacks), -self.meets

    @property
    def sentence(self) -> str:
        """What it lacks: `for port 5432/TCP: this is 5433/TCP`."""
        return ", and ".join(f"{lack.wants}: {lack.has}" for lack in self.lacks)


@dataclass(frozen=True)
class Denial:
    """Why one end denies: `by_rule`, or because it is isolated and nothing allows the flow.

    `beaten` are the rules that would allow it if no deny beat them, `nearest` those that nearly would. Where the end is
    `open`, it takes no rule: without the deny it would pass.
    """

    by_rule: bool
    open: bool
    beaten: tuple[Source, ...]
    nearest: tuple[Near, ...]


def denial(engine: Engine, side: Side) -> Optional[Denial]:
    """What an end that denies would need; None for one that does not."""
    if side.allowed:
        return None
    identity = engine.cluster.endpoints[side.subject].identity
    matching = engine.matching(identity, side.direction, side.flow)
    allowing = tuple(dict.fromkeys(rule.source for rule in matching if rule.outcome is Outcome.ALLOW))
    open_ = not engine.isolating(identity, side.direction)
    near = () if allowing or open_ else nearest(engine, side, side.flow)
    return Denial(any(rule.outcome is Outcome.DENY for rule in matching), open_, allowing, near)


def nearest(engine: Engine, side: Side, flow: Flow) -> tuple[Near, ...]:
    """The rules that come nearest to allowing a flow at one end, the nearest alone or those that are equally near."""
    found = sorted(_candidates(engine, side, flow), key=lambda near: near.rank)
    alike = [near for near in found if near.rank == found[0].rank]
    return tuple({(near.rule.source, near.sentence): near for near in alike}.values())[:SHOWN]


def _candidates(engine: Engine, side: Side, flow: Flow) -> Iterator[Near]:
    """Rules that lack something, but not everything; about another subject only where that seems to be a slip."""
    subject = engine.cluster.endpoints[side.subject]
    own = engine.meaning.labels(subject.identity)
    for rule in engine.rules.rules:
        if rule.direction != side.direction or rule.outcome is not Outcome.ALLOW:
            continue
        lacks = [lack for lack in (_peer(engine, rule, flow.far, side), _port(rule, flow)) if lack is not None]
        if not rule.subject.matches(own):
            if lacks or not _slip(rule.subject, own):
                continue
            lacks = [selector_lack("subject", "it selects", rule.subject, own, side.subject)]
        if lacks and len(lacks) <= MOST_LACKS:
            yield Near(rule, tuple(lacks), _met(engine, rule, flow))


def _slip(selector: Selector, labels: Labels) -> bool:
    """Whether a selector is missed by one label alone, which is not there or written nearly as it should be."""
    unmet = [item for item in selector.requirements if not item.matches(labels)]
    return len(unmet) == 1 and _distance(unmet[0], labels) != OTHER


def _met(engine: Engine, rule: Rule, flow: Flow) -> int:
    """How many conditions a flow meets: labels of the best selector, and the port if the rule names any."""
    labels = engine.meaning.labels(flow.far.identity)
    met = [sum(item.matches(labels) for item in selector.requirements) for selector in rule.peers.selectors]
    return max(met, default=0) + (rule.ports is not None and _port(rule, flow) is None)


def _peer(engine: Engine, rule: Rule, far: Far, side: Side) -> Optional[Lack]:
    """What the other end lacks for the rule to mean it: of several alternatives, what the nearest one lacks."""
    peers, way, who = rule.peers, WAY[side.direction], side.peer
    if engine.means_identity(peers, far.identity) or any(contains(block, far) for block in peers.blocks):
        return None
    labels = engine.meaning.labels(far.identity)
    found = [selector_lack("peer", way, selector, labels, who) for selector in peers.selectors]
    found += [Lack("peer", f"{way} {entity}", f"{who} is {_kind(labels)}", 2.0) for entity in peers.entities]
    found += [_block(way, block, far, who, labels) for block in peers.blocks]
    return min(found, key=lambda lack: lack.distance, default=None)


def selector_lack(about: str, way: str, selector: Selector, labels: Labels, who: str) -> Lack:
    """What labels lack for a selector to mean them; it does not."""
    unmet = [item for item in selector.requirements if not item.matches(labels)]
    unmet = [item for item in unmet if item != ANY_NAMESPACE] or unmet
    wants = f"{way} {' '.join(dict.fromkeys(map(said.requirement, unmet)))}"
    distance = sum(_distance(item, labels) for item in unmet) + (2.0 if about == "subject" else 0.0)
    reserved = _kind(labels)
    if reserved:
        return Lack(about, wants, f"{who} is {reserved}", distance + 1)
    return Lack(about, wants, f"{who} has {' '.join(dict.fromkeys(_has(item, labels) for item in unmet))}", distance)


def _distance(item: Requirement, labels: Labels) -> float:
    """How far off a label is: written nearly as it should be, another one, or not there."""
    values = labels.values(item.source, item.key)
    if not values:
        return ABSENT
    likeness = (SequenceMatcher(None, value, wanted).ratio() for value in values for wanted in item.values)
    return MISSPELT if any(ratio >= ALIKE for ratio in likeness) else OTHER


def _has(item: Requirement, labels: Labels) -> str:
    values = labels.values(item.source, item.key)
    return f"{said.key(item.key)}={','.join(values)}" if values else f"no label {said.key(item.key)}"


def _kind(labels: Labels) -> str:
    """What somebody is who is no endpoint, as entities name it; empty for an endpoint."""
    names = ("host", "remote-node", "world-ipv4", "world-ipv6")
    return next((name for name in names if labels.values("reserved", name)), "")


def _block(way: str, block: Cidr, far: Far, who: str, labels: Labels) -> Lack:
    wants = f"{way} {block.network}"
    if not far.world and not (far.endpoint and block.endpoints):
        who_is = "a host" if not far.endpoint else "an endpoint, which blocks of a Cilium policy never mean"
        return Lack("peer", wants, f"{who} is {who_is}", 2.5)
    for part in block.excepts:
        if far.address is not None and far.address in part:
            return Lack("peer", f"{wants} except {part}", f"this is {far.address}", 0.5)
    same = far.address is not None and far.address.version == block.network.version
    return Lack("peer", wants, f"this is {far.address}", 1.0 if same else 2.0)


def _port(rule: Rule, flow: Flow) -> Optional[Lack]:
    if rule.ports is None or any(port_matches(port, flow) for port in rule.ports):
        return None
    alike = [port for port in rule.ports if port.protocol == flow.protocol]
    shown = alike or list(rule.ports)
    what = "" if all(port.protocol.startswith("ICMP") for port in shown) else "port "
    undefined = [port.name for port in shown if port.name and port.name not in flow.named]
    if undefined:
        return Lack("port", f"for port {undefined[0]}", "the destination defines no port of that name", 1.0)
    return Lack("port", f"for {what}{said.ports(shown, flow.named)}", f"this is {this(flow)}", _off(shown, flow))


def _off(ports: list[Ports], flow: Flow) -> float:
    return 0.25 if any(port.protocol == flow.protocol for port in ports) else 0.75


def this(flow: Flow) -> str:
    """The port of a flow, or its kind of ICMP: `5433/TCP`, `ICMP` or `ICMPV6` alone for an echo request."""
    if flow.protocol.startswith("ICMP") and flow.port in ECHO.values():
        return flow.protocol
    return said.span(flow.protocol, flow.port, flow.port)
