"""BOTH SIDES: what rules say, in few words: whom they mean and which ports, as explanations write it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Optional

from state.policy.flow import NO_NAMES, NamedPorts
from state.policy.labels import ANY_NAMESPACE, CLUSTER, NAMESPACE, NAMESPACE_LABELS, Requirement, Selector
from state.policy.rules import LAST, Cidr, Peers, Ports

CARRIED = {"TCP", "UDP", "SCTP"}


def key(name: str) -> str:
    """A label's key as people think of it: `namespace`, `namespace label team`, or the key itself."""
    if name.startswith(NAMESPACE_LABELS):
        return f"namespace label {name[len(NAMESPACE_LABELS) :]}"
    return {NAMESPACE: "namespace", CLUSTER: "cluster"}.get(name, name)


def requirement(item: Requirement) -> str:
    """One condition of a selector: `app=web`, `tier in (a, b)`, `no label tier`."""
    name = key(item.key) if item.source in ("any", "k8s") else f"{item.source}:{item.key}"
    if item.operator == "In" and len(item.values) == 1:
        return f"{name}={item.values[0]}" if item.values[0] else name
    listed = f"({', '.join(item.values)})"
    words = {
        "In": f"{name} in {listed}",
        "NotIn": f"{name} not in {listed}",
        "Exists": f"a label {name}",
        "DoesNotExist": f"no label {name}",
    }
    return words[item.operator]


def selector(item: Selector) -> str:
    """A selector: `app=web namespace=shop`; `every endpoint` where it demands nothing."""
    demanded = [one for one in item.requirements if one != ANY_NAMESPACE]
    return " ".join(dict.fromkeys(map(requirement, demanded))) or "every endpoint"


def block(item: Cidr) -> str:
    """An address block with what is taken out of it."""
    out = f" except {', '.join(map(str, item.excepts))}" if item.excepts else ""
    return f"{item.network}{out}"


def peers(item: Peers) -> str:
    """Whom a rule means at the other end."""
    if item.everyone:
        return "everyone"
    alternatives = [*map(selector, item.selectors), *item.entities, *map(block, item.blocks)]
    return " or ".join(alternatives) or "nobody"


def ports(items: Optional[Iterable[Ports]], named: NamedPorts = NO_NAMES) -> str:
    """Which ports a rule means: `80/TCP`, `postgres/TCP (5432)`, `8000-8010/TCP`, `ICMP type 8`; None: everything."""
    if items is None:
        return "everything"
    protocols: dict[tuple[int, int, str], list[str]] = {}
    for item in items:
        protocols.setdefault((item.first, item.last, item.name), []).append(item.protocol)
    found: list[str] = []
    for (first, last, name), carried in protocols.items():
        shown = ["ANY"] if set(carried) == CARRIED else carried
        for protocol in shown:
            numbers = sorted({port for known, port in named.get(name, ()) if known in carried}) if name else []
            found.append(_named(name, protocol, numbers) if name else span(protocol, first, last))
    return ", ".join(found)


def _named(name: str, protocol: str, numbers: list[int]) -> str:
    return f"{name}/{protocol}" + (f" ({', '.join(map(str, numbers))})" if numbers else "")


def span(protocol: str, first: int, last: int) -> str:
    """A range of ports, or of kinds of ICMP: `80/TCP`, `TCP` for all of them, `ICMP type 8`."""
    if first == 0 and last >= LAST.get(protocol, 65535):
        return protocol
    numbers = str(first) if first == last else f"{first}-{last}"
    return f"{protocol} type {numbers}" if protocol.startswith("ICMP") else f"{numbers}/{protocol}"
