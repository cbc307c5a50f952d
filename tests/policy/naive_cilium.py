"""WORKSTATION: Cilium's policies as the naive evaluator reads them, from the documentation of their language."""

from __future__ import annotations

from ipaddress import ip_address
from typing import Any

from tests.policy.naive_packets import End, Packet, ends, expressions, holds, inside, named, some

# IANA's numbers of ICMP types under the names that Cilium gives them.
TYPES = {
    "IPv4": {
        "EchoReply": 0, "DestinationUnreachable": 3, "Redirect": 5, "Echo": 8, "EchoRequest": 8,
        "RouterAdvertisement": 9, "RouterSelection": 10, "TimeExceeded": 11, "ParameterProblem": 12, "Timestamp": 13,
        "TimestampReply": 14, "Photuris": 40, "ExtendedEchoRequest": 42, "ExtendedEchoReply": 43,
    },
    "IPv6": {
        "DestinationUnreachable": 1, "PacketTooBig": 2, "TimeExceeded": 3, "ParameterProblem": 4, "EchoRequest": 128,
        "EchoReply": 129, "MulticastListenerQuery": 130, "MulticastListenerReport": 131, "MulticastListenerDone": 132,
        "RouterSolicitation": 133, "RouterAdvertisement": 134, "NeighborSolicitation": 135,
        "NeighborAdvertisement": 136, "RedirectMessage": 137, "RouterRenumbering": 138,
        "ICMPNodeInformationQuery": 139, "ICMPNodeInformationResponse": 140,
        "InverseNeighborDiscoverySolicitation": 141, "InverseNeighborDiscoveryAdvertisement": 142,
        "HomeAgentAddressDiscoveryRequest": 144, "HomeAgentAddressDiscoveryReply": 145,
        "MobilePrefixSolicitation": 146, "MobilePrefixAdvertisement": 147, "DuplicateAddressRequestCodeSuffix": 157,
        "DuplicateAddressConfirmationCodeSuffix": 158, "ExtendedEchoRequest": 160, "ExtendedEchoReply": 161,
    },
}  # fmt: skip
NAMESPACE = "io.kubernetes.pod.namespace"
OF_NAMESPACE = "io.cilium.k8s.namespace.labels."


def cilium(
    document: Any, packet: Packet, direction: str, cluster: str, documents: list[Any]
) -> tuple[bool, bool, bool]:
    """Whether a Cilium policy isolates the subject, allows the packet, denies it; `documents` has the groups."""
    clusterwide = document["kind"] == "CiliumClusterwideNetworkPolicy"
    namespace = "" if clusterwide else document["metadata"].get("namespace", "default")
    subject, peer = ends(packet, direction)
    isolated = allow = deny = False
    for spec in ([document["spec"]] if document.get("spec") else []) + some(document, "specs"):
        if namespace and subject.namespace != namespace:
            continue
        if not about(spec, subject, cluster):
            continue
        allows, denies = some(spec, direction), some(spec, direction + "Deny")
        switches: Any = spec.get("enableDefaultDeny") or {}
        default: Any = switches.get(direction)
        isolated = isolated or (bool(allows or denies) if default is None else bool(default))
        context = (packet, direction, namespace, cluster, documents)
        allow = allow or any(entry_matches(entry, peer, subject, *context) for entry in allows)
        deny = deny or any(entry_matches(entry, peer, subject, *context) for entry in denies)
    return isolated, allow, deny


def about(spec: Any, subject: End, cluster: str) -> bool:
    """Whether a spec selects the subject: an endpoint, or a host by the labels it has itself."""
    if spec.get("nodeSelector") is None:
        return subject.kind == "endpoint" and labelled(spec["endpointSelector"], subject, subject.host, cluster)
    own = [("reserved", "host", ""), *(("k8s", key, value) for key, value in subject.labels.items())]
    return subject.kind == "host" and selected(spec["nodeSelector"], own)


def all_labels(end: End, seen_from: str, cluster: str) -> list[tuple[str, str, str]]:
    """The labels (source, key, value) under which an end is known."""
    if end.kind == "host":
        return [("reserved", "host" if end.host == seen_from else "remote-node", "")]
    if end.kind == "world":
        return [("reserved", "world", ""), ("reserved", f"world-ipv{ip_address(end.address).version}", "")]
    own = [("k8s", key, value) for key, value in end.labels.items()]
    space = {**end.namespace_labels, "kubernetes.io/metadata.name": end.namespace}
    own += [("k8s", OF_NAMESPACE + key, value) for key, value in space.items()]
    return [*own, ("k8s", NAMESPACE, end.namespace), ("k8s", "io.cilium.k8s.policy.cluster", cluster)]


def split(key: str) -> tuple[str, str]:
    """A selector's key as source and name."""
    source, colon, name = key.partition(":")
    return (source, name) if colon else ("any", key)


def labelled(selector: dict[str, Any], end: End, seen_from: str, cluster: str) -> bool:
    """A selector over everything an end is labelled with."""
    return selected(selector, all_labels(end, seen_from, cluster))


def selected(selector: dict[str, Any], labels: list[tuple[str, str, str]]) -> bool:
    """A selector over labels (source, key, value)."""
    for item in expressions(selector):
        source, key = split(item["key"])
        values = [value for other, name, value in labels if name == key and source in ("any", other)]
        if not holds(item, values):
            return False
    return True


def entry_matches(
    entry: Any,
    peer: End,
    subject: End,
    packet: Packet,
    direction: str,
    namespace: str,
    cluster: str,
    documents: list[Any],
) -> bool:
    """Whether an entry of a section is about this packet."""
    way = "from" if direction == "ingress" else "to"
    fields = [f"{way}{name}" for name in ("Endpoints", "CIDR", "CIDRSet", "Entities")]
    said = [name for name in fields if entry.get(name) is not None]
    ports, icmps = some(entry, "toPorts"), some(entry, "icmps")
    if not said and not ports and not icmps:
        return False  # an empty entry selects nothing
    if ports and not any(cilium_port(port, packet) for row in ports for port in some(row, "ports")):
        return False
    if icmps and not any(icmp(one, packet) for row in icmps for one in some(row, "fields")):
        return False
    if not said:
        return True
    if any(entry[name] == [] for name in said):
        return False
    outside = peer.kind == "world"
    return (
        any(cilium_peer(item, peer, subject, namespace, cluster) for item in some(entry, f"{way}Endpoints"))
        or any(entity(item, peer, subject) for item in some(entry, f"{way}Entities"))
        or (outside and any(inside(peer.address, block) for block in some(entry, f"{way}CIDR")))
        or (outside and any(in_set(item, peer.address, documents) for item in some(entry, f"{way}CIDRSet")))
    )


def in_set(item: Any, address: str, documents: list[Any]) -> bool:
    """One item of a CIDR set: a block, or those of the groups it names or selects."""
    if any(inside(address, part) for part in some(item, "except")):
        return False
    if item.get("cidr"):
        return inside(address, item["cidr"])
    return any(
        inside(address, block)
        for group in documents
        if group["kind"] == "CiliumCIDRGroup" and refers(item, group["metadata"])
        for block in group["spec"]["externalCIDRs"]
    )


def refers(item: Any, metadata: Any) -> bool:
    """Whether an item of a CIDR set means the group with this metadata."""
    if item.get("cidrGroupRef"):
        return bool(item["cidrGroupRef"] == metadata["name"])
    labels: dict[str, str] = metadata.get("labels") or {}
    return all(
        holds(one, [labels[one["key"]]] if one["key"] in labels else [])
        for one in expressions(item["cidrGroupSelector"])
    )


def cilium_peer(selector: Any, peer: End, subject: End, namespace: str, cluster: str) -> bool:
    """One item of fromEndpoints or toEndpoints: in the policy's namespace unless it says otherwise."""
    keys = [split(item["key"]) for item in expressions(selector)]
    if not labelled(selector, peer, subject.host, cluster):
        return False
    if any(source == "reserved" for source, _ in keys):
        return True
    names = [name for source, name in keys if source in ("any", "k8s")]
    if NAMESPACE in names:
        return True
    if not namespace:
        return peer.kind == "endpoint"
    return any(name.startswith(OF_NAMESPACE) for name in names) or peer.namespace == namespace


def entity(name: str, peer: End, subject: End) -> bool:
    """One item of fromEntities or toEntities."""
    if name == "all":
        return True
    if name in ("world", "world-ipv4", "world-ipv6"):
        return peer.kind == "world" and name in ("world", f"world-ipv{ip_address(peer.address).version}")
    if name == "cluster":
        return peer.kind != "world"
    if name == "host":
        return peer.kind == "host" and peer.host == subject.host
    return name == "remote-node" and peer.kind == "host" and peer.host != subject.host


def cilium_port(port: Any, packet: Packet) -> bool:
    """One item of toPorts' ports."""
    protocol = port.get("protocol", "ANY")
    if packet.protocol not in (("TCP", "UDP", "SCTP") if protocol == "ANY" else (protocol,)):
        return False
    if not port["port"].isdigit():
        return named(port["port"].lower(), packet)
    number = int(port["port"])
    return number == 0 or number <= packet.port <= (port.get("endPort") or number)


def icmp(one: Any, packet: Packet) -> bool:
    """One item of icmps' fields."""
    family = one.get("family", "IPv4")
    kind = str(one["type"])
    number = int(kind) if kind.isdigit() else TYPES[family][kind]
    return packet.protocol == {"IPv4": "ICMP", "IPv6": "ICMPV6"}[family] and packet.port == number
