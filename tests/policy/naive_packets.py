"""WORKSTATION: what the naive evaluator judges: a packet and its ends, and the questions both languages ask of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from ipaddress import ip_address, ip_network
from typing import Any


@dataclass(frozen=True)
class End:
    """One end of a packet. `kind` is endpoint, host, world, or nobody: an address kept for endpoints that none has."""

    kind: str
    name: str
    address: str
    host: str = ""
    namespace: str = ""
    labels: dict[str, str] = field(default_factory=dict)
    namespace_labels: dict[str, str] = field(default_factory=dict)
    replicas_ports: dict[str, list[tuple[int, str]]] = field(default_factory=dict)


@dataclass(frozen=True)
class Packet:
    """The first packet of a flow; `port` is the type for ICMP and ICMPV6."""

    source: End
    destination: End
    protocol: str
    port: int


def some(node: Any, key: str) -> list[Any]:
    """The list under a key; absent and null are empty."""
    found: list[Any] = (node.get(key) if node else None) or []
    return found


def ends(packet: Packet, direction: str) -> tuple[End, End]:
    """The subject and its peer."""
    if direction == "ingress":
        return packet.destination, packet.source
    return packet.source, packet.destination


def holds(expression: dict[str, Any], values: list[str]) -> bool:
    """One matchExpression over the values a key has."""
    operator, wanted = expression["operator"], some(expression, "values")
    if operator == "Exists":
        return values != []
    if operator == "DoesNotExist":
        return values == []
    return any(value in wanted for value in values) is (operator == "In")


def expressions(selector: dict[str, Any]) -> list[dict[str, Any]]:
    """A selector as matchExpressions alone."""
    plain: list[dict[str, Any]] = [
        {"key": key, "operator": "In", "values": [selector["matchLabels"][key]]}
        for key in sorted(selector.get("matchLabels") or ())
    ]
    return plain + some(selector, "matchExpressions")


def named(name: str, packet: Packet) -> bool:
    """A named port means what the destination, or a replica of it, calls so."""
    known = packet.destination.replicas_ports.get(name, []) if packet.destination.kind == "endpoint" else []
    return (packet.port, packet.protocol) in known


def inside(address: str, block: str) -> bool:
    """Whether the address lies in the block; families never mix."""
    network = ip_network(block, strict=False)
    return ip_address(address).version == network.version and ip_address(address) in network
