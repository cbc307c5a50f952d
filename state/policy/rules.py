"""BOTH SIDES: policy documents as rules: one `Rule` per entry of a document, one `Section` per direction it speaks of.

A section selects subjects and says whether it isolates them: everything not allowed is then denied. A rule allows or
denies its subjects some peers on some ports. Deny beats allow; otherwise the order of rules means nothing.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network
from typing import Optional, Union

from state.manifest import Json
from state.policy.labels import Selector
from state.policy.verdicts import Outcome
from state.problem import Source

IpNetwork = Union[IPv4Network, IPv6Network]

PROTOCOLS = ("TCP", "UDP", "SCTP", "ICMP", "ICMPV6")
LAST = {"TCP": 65535, "UDP": 65535, "SCTP": 65535, "ICMP": 255, "ICMPV6": 255}

# Rule ids that no document has: hashes of rules begin at 16.
DEFAULT_DENY = 0
OWN_HOST = 1
NOT_ISOLATED = 2
FIRST_RULE = 16
BUILT_IN = {
    DEFAULT_DENY: "no rule matched",
    OWN_HOST: "a host always reaches its own endpoints",
    NOT_ISOLATED: "no rule isolates the endpoint in this direction",
}


@dataclass(frozen=True)
class Ports:
    """Destination ports (or ICMP types) `first`..`last` of a protocol; or a named port, defined by the destination."""

    protocol: str
    first: int = 0
    last: int = 0
    name: str = ""


@dataclass(frozen=True)
class Cidr:
    """Addresses by CIDR, without the excepted ones.

    Of a Cilium document it never matches what the cluster manages. `endpoints`: it matches endpoints' addresses too
    (Kubernetes' ipBlock); hosts are known by what they are, never by address.
    """

    network: IpNetwork
    excepts: tuple[IpNetwork, ...] = ()
    endpoints: bool = False


def lies_inside(part: IpNetwork, whole: IpNetwork) -> bool:
    """Whether a block lies inside another, or is it; blocks of two families never do."""
    return part.version == whole.version and part.subnet_of(whole)  # type: ignore[arg-type]


@dataclass(frozen=True)
class Peers:
    """The other end of a rule: everyone, or whom one of the selectors, entities or blocks means; all empty: nobody."""

    everyone: bool = False
    selectors: tuple[Selector, ...] = ()
    entities: tuple[str, ...] = ()
    blocks: tuple[Cidr, ...] = ()


@dataclass(frozen=True)
class Rule:
    """One entry of a document. `ports` None: every port of every protocol. `document` is `KIND namespace/name`.

    `hosts`: the subjects are hosts, selected by their labels, and not endpoints.
    `log` goes with every event that the rule decides; it means nothing, and is no part of the rule's number.
    """

    id: int
    document: str
    direction: str
    subject: Selector
    outcome: Outcome
    peers: Peers
    ports: Optional[tuple[Ports, ...]]
    source: Source
    log: str = ""
    hosts: bool = False


@dataclass(frozen=True)
class Section:
    """What a document says of one direction: whose traffic it is about, and whether it isolates them.

    `hosts`: they are hosts, and not endpoints.
    """

    document: str
    direction: str
    subject: Selector
    isolates: bool
    source: Source
    hosts: bool = False


@dataclass(frozen=True)
class Rules:
    """Everything the documents say, in their order."""

    sections: tuple[Section, ...] = ()
    rules: tuple[Rule, ...] = ()


def rule_id(kind: str, namespace: str, name: str, direction: str, text: Json) -> int:
    """The number of a rule: a hash of what it says and where it belongs; of no lines, so comments change nothing."""
    canonical = json.dumps([kind, namespace, name, direction, text], sort_keys=True, separators=(",", ":"))
    number = int.from_bytes(hashlib.sha256(canonical.encode()).digest()[:4], "big")
    return FIRST_RULE + number % ((1 << 32) - FIRST_RULE)


def every_port() -> tuple[Ports, ...]:
    """All ports of all protocols, and every kind of ICMP: what a rule without ports means."""
    return tuple(Ports(protocol, 0, LAST[protocol]) for protocol in PROTOCOLS)


def sources(rules: Iterable[Rule]) -> dict[int, Source]:
    """Where each rule stands, by its id; of rules that say the same twice, the first."""
    found: dict[int, Source] = {}
    for rule in rules:
        found.setdefault(rule.id, rule.source)
    return found
