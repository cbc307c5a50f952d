"""WORKSTATION: a second evaluator, slow and plain, that judges the engine. It imports nothing of it.

Written from the texts: the Kubernetes NetworkPolicy API, and Cilium's documentation of its policy language. It takes
YAML as plain values and asks every question anew, for one packet.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from ipaddress import ip_address, ip_network
from typing import Any

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


# Kubernetes


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


def named(name: str, packet: Packet) -> bool:
    """A named port means what the destination, or a replica of it, calls so."""
    known = packet.destination.replicas_ports.get(name, []) if packet.destination.kind == "endpoint" else []
    return (packet.port, packet.protocol) in known


def inside(address: str, block: str) -> bool:
    """Whether the address lies in the block; families never mix."""
    network = ip_network(block, strict=False)
    return ip_address(address).version == network.version and ip_address(address) in network


# Cilium


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
