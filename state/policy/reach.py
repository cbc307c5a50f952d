"""BOTH SIDES: all ports that pass at once: what one end's rules let through, found by walking them, rule by rule."""

from __future__ import annotations

from collections.abc import Iterable

from state.policy.engine import Engine
from state.policy.flow import Far, NamedPorts
from state.policy.portset import EVERY_PORT, PortSet
from state.policy.rules import Rule
from state.policy.verdicts import Outcome

CARRIED = {4: ("TCP", "UDP", "SCTP", "ICMP"), 6: ("TCP", "UDP", "SCTP", "ICMPV6")}
"""What each family carries."""


def granted(rule: Rule, named: NamedPorts) -> PortSet:
    """The ports a rule is about, its names resolved by what the destination calls its ports."""
    if rule.ports is None:
        return EVERY_PORT
    found = [(port.protocol, port.first, port.last) for port in rule.ports if not port.name]
    for port in rule.ports:
        numbers = named.get(port.name, ()) if port.name else ()
        found += [(protocol, number, number) for protocol, number in numbers if protocol == port.protocol]
    return PortSet.of(found)


def together(rules: Iterable[Rule], outcome: Outcome, named: NamedPorts) -> PortSet:
    """The ports that rules allow, or deny, together."""
    found = PortSet()
    for rule in rules:
        if rule.outcome is outcome:
            found = found | granted(rule, named)
    return found


def passing(engine: Engine, direction: str, identity: int, far: Far, named: NamedPorts) -> PortSet:
    """The ports that the rules about an identity let through, from or to the other end."""
    rules = engine.meaning_far(identity, direction, far)
    isolated = bool(engine.isolating(identity, direction))
    allowed = together(rules, Outcome.ALLOW, named) if isolated else EVERY_PORT
    return allowed - together(rules, Outcome.DENY, named)
