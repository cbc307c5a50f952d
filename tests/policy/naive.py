"""WORKSTATION: a second evaluator, slow and plain, that judges the engine. It imports nothing of it.

Written from the texts: the Kubernetes NetworkPolicy API, and Cilium's documentation of its policy language. It takes
YAML as plain values and asks every question anew, for one packet.
"""

from __future__ import annotations

from typing import Any

from tests.policy.naive_cilium import cilium
from tests.policy.naive_kubernetes import kubernetes
from tests.policy.naive_packets import End, Packet

__all__ = ["End", "Packet", "allowed", "half"]


def allowed(documents: list[Any], packet: Packet, cluster: str) -> bool:
    """Whether the packet passes: the source's egress and the destination's ingress."""
    source, destination = packet.source, packet.destination
    if "nobody" in (source.kind, destination.kind):
        return False
    if source.kind == "endpoint" and source.name == destination.name:
        return True
    if source.kind == "host" and source.host == destination.host:
        return True  # a host reaches itself and its own endpoints
    if source.kind != "world" and not half(documents, packet, "egress", cluster):
        return False
    return destination.kind == "world" or half(documents, packet, "ingress", cluster)


def half(documents: list[Any], packet: Packet, direction: str, cluster: str) -> bool:
    """Whether one end lets the packet pass: deny beats allow, and who is isolated needs an allow."""
    isolated = granted = False
    for document in documents:
        if document["kind"] == "CiliumCIDRGroup":
            continue
        if document["kind"] == "NetworkPolicy":
            now, allow, deny = kubernetes(document, packet, direction)
        else:
            now, allow, deny = cilium(document, packet, direction, cluster, documents)
        if deny:
            return False
        isolated, granted = isolated or now, granted or allow
    return granted or not isolated
