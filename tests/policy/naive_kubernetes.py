"""WORKSTATION: NetworkPolicy as the naive evaluator reads it, from the text of the Kubernetes API."""

from __future__ import annotations

from typing import Any

from tests.policy.naive_packets import End, Packet, ends, expressions, holds, inside, named, some


def kubernetes(document: Any, packet: Packet, direction: str) -> tuple[bool, bool, bool]:
    """Whether a NetworkPolicy isolates the subject, allows the packet, denies it (never)."""
    spec, namespace = document["spec"], document["metadata"].get("namespace", "default")
    subject, peer = ends(packet, direction)
    types = spec.get("policyTypes") or (["Ingress", "Egress"] if spec.get("egress") else ["Ingress"])
    if direction.capitalize() not in types or subject.namespace != namespace:
        return False, False, False
    if not pods(spec["podSelector"], subject):
        return False, False, False
    for entry in some(spec, direction):
        peers = some(entry, "from" if direction == "ingress" else "to")
        ports = some(entry, "ports")
        right_port = not ports or any(kubernetes_port(port, packet) for port in ports)
        if right_port and (not peers or any(kubernetes_peer(item, peer, namespace) for item in peers)):
            return True, True, False
    return True, False, False


def pods(selector: dict[str, Any], end: End) -> bool:
    """A podSelector over an endpoint's own labels."""
    return all(
        holds(item, [end.labels[item["key"]]] if item["key"] in end.labels else []) for item in expressions(selector)
    )


def kubernetes_peer(item: Any, peer: End, namespace: str) -> bool:
    """One item of from or to."""
    if item.get("ipBlock") is not None:
        if peer.kind == "host":
            return False
        block = item["ipBlock"]
        return inside(peer.address, block["cidr"]) and not any(
            inside(peer.address, part) for part in some(block, "except")
        )
    if peer.kind != "endpoint":
        return False
    scope = item.get("namespaceSelector")
    if scope is None:
        right_namespace = peer.namespace == namespace
    else:
        labels = {**peer.namespace_labels, "kubernetes.io/metadata.name": peer.namespace}
        right_namespace = all(
            holds(one, [labels[one["key"]]] if one["key"] in labels else []) for one in expressions(scope)
        )
    return right_namespace and pods(item.get("podSelector") or {}, peer)


def kubernetes_port(port: Any, packet: Packet) -> bool:
    """One item of ports."""
    if packet.protocol != port.get("protocol", "TCP"):
        return False
    number = port.get("port")
    if number is None:
        return True
    if isinstance(number, str):
        return named(number, packet)
    return bool(number <= packet.port <= port.get("endPort", number))
