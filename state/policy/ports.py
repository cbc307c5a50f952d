"""BOTH SIDES: reading what documents say of ports and kinds of ICMP."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Optional

from state.policy.node import Node
from state.policy.rules import Ports

MOST = 40  # as Cilium: ports of one toPorts item, fields of one icmps item

_SERVICE = re.compile(r"(?=.*[A-Za-z])[A-Za-z0-9]([A-Za-z0-9]|-(?!-)){0,13}([A-Za-z0-9])?")
_NUMBER = re.compile(r"0|[1-9][0-9]{0,4}")

ICMP_TYPES: Mapping[str, Mapping[str, int]] = {
    "IPv4": {
        "EchoReply": 0, "DestinationUnreachable": 3, "Redirect": 5, "Echo": 8, "EchoRequest": 8,
        "RouterAdvertisement": 9, "RouterSelection": 10, "TimeExceeded": 11, "ParameterProblem": 12,
        "Timestamp": 13, "TimestampReply": 14, "Photuris": 40, "ExtendedEchoRequest": 42, "ExtendedEchoReply": 43,
    },
    "IPv6": {
        "DestinationUnreachable": 1, "PacketTooBig": 2, "TimeExceeded": 3, "ParameterProblem": 4,
        "EchoRequest": 128, "EchoReply": 129, "MulticastListenerQuery": 130, "MulticastListenerReport": 131,
        "MulticastListenerDone": 132, "RouterSolicitation": 133, "RouterAdvertisement": 134,
        "NeighborSolicitation": 135, "NeighborAdvertisement": 136, "RedirectMessage": 137, "RouterRenumbering": 138,
        "ICMPNodeInformationQuery": 139, "ICMPNodeInformationResponse": 140,
        "InverseNeighborDiscoverySolicitation": 141, "InverseNeighborDiscoveryAdvertisement": 142,
        "HomeAgentAddressDiscoveryRequest": 144, "HomeAgentAddressDiscoveryReply": 145,
        "MobilePrefixSolicitation": 146, "MobilePrefixAdvertisement": 147,
        "DuplicateAddressRequestCodeSuffix": 157, "DuplicateAddressConfirmationCodeSuffix": 158,
        "ExtendedEchoRequest": 160, "ExtendedEchoReply": 161,
    },
}  # fmt: skip

_CARRIED = ("TCP", "UDP", "SCTP")
# Cilium takes these in place of a protocol with ports where its extended protocols are switched on.
_EXTENDED = ("VRRP", "IGMP", "GRE", "IPIP", "IPV6", "ESP", "AH")
_ICMP = ("ICMP", "ICMPv6", "ICMPV6")


def cilium(node: Node) -> list[Ports]:
    """One item of `toPorts[].ports`: a number or name, perhaps a range; without a protocol TCP, UDP and SCTP."""
    if not node.mapping(("port", "endPort", "protocol"), {}):
        return []
    port, end, protocol = node.get("port"), node.get("endPort"), _protocol(node, "ANY")
    text = None if port is None else port.text()
    if port is None and protocol is not None:
        node.wrong(f"{node.where} needs a port", 'port: "0" means every port.')
    if protocol is None or text is None or port is None:
        return []
    if not text.isdigit() and _SERVICE.fullmatch(text):
        if end is not None:
            end.wrong(f"{node.where}: a named port has no endPort", "A range is made of numbers.")
        return [Ports(name, name=text.lower()) for name in protocol]
    if not _NUMBER.fullmatch(text) or int(text) > 65535:
        port.wrong(
            f"`{text}` is neither a port number nor a port's name",
            "A number is 0 to 65535 without leading zeros; a name at most 15 letters, digits and single hyphens.",
        )
        return []
    return _range(node, int(text), end, protocol)


def _range(node: Node, first: int, end: Optional[Node], protocols: Iterable[str]) -> list[Ports]:
    last = first if end is None else end.number(0, 65535)
    if last is None:
        return []
    last = last or first  # Cilium: an endPort of 0 is none
    if end is not None and first == 0 and last:
        end.wrong(f"{node.where}: port 0 has no endPort", "Port 0 alone means every port.")
        return []
    if end is not None and last < first:
        end.wrong(f"{end.where} is {last}, less than port {first}", "A range runs from port to endPort, both included.")
        return []
    return [Ports(name, first, 65535 if first == 0 else last) for name in protocols]


def _protocol(node: Node, default: str) -> Optional[tuple[str, ...]]:
    child = node.get("protocol")
    if child is not None and default == "ANY" and child.value in _EXTENDED:
        child.refuse("Endpoints speak TCP, UDP, SCTP and ICMP alone.", "Remove the item.", str(child.value))
        return None
    if child is not None and child.value in _ICMP:
        child.wrong(f"`{child.value}` has no ports", "Allow it with `icmps`, or with a rule without ports.")
        return None
    name = default if child is None else child.choice((*_CARRIED, "ANY") if default == "ANY" else _CARRIED)
    return _CARRIED if name == "ANY" else None if name is None else (name,)


def kubernetes(node: Node) -> list[Ports]:
    """One item of a NetworkPolicy's `ports`: a number or name, perhaps a range; without a protocol TCP."""
    if not node.mapping(("port", "endPort", "protocol"), {}):
        return []
    port, end, protocol = node.get("port"), node.get("endPort"), _protocol(node, "TCP")
    if port is None and end is not None:
        end.wrong(f"{end.where} needs a port", "A range runs from port to endPort.")
    if port is not None and isinstance(port.value, str):
        if end is not None:
            end.wrong(f"{node.where}: a named port has no endPort", "A range is made of numbers.")
        if not (_SERVICE.fullmatch(port.value) and port.value.islower()):
            port.wrong(
                f"`{port.value}` is not a port's name",
                "A number stands without quotes; a name is at most 15 lower-case letters, digits and hyphens.",
            )
            return []
        return [Ports(name, name=port.value) for name in protocol or ()]
    if port is None:
        return [Ports(name, 0, 65535) for name in protocol or ()]
    first = port.number(1, 65535)
    last = first if end is None else end.number(1, 65535)
    if first is None or last is None or protocol is None:
        return []
    if last < first and end is not None:
        end.wrong(f"{end.where} is {last}, less than port {first}", "A range runs from port to endPort, both included.")
        return []
    return [Ports(name, first, last) for name in protocol]


def icmp(node: Node) -> list[Ports]:
    """One item of `icmps[].fields`: a type by number or name, of one family (IPv4 unless said otherwise)."""
    if not node.mapping(("family", "type"), {}):
        return []
    family_node, kind = node.get("family"), node.get("type")
    family = "IPv4" if family_node is None else family_node.choice(tuple(ICMP_TYPES))
    if kind is None:
        node.wrong(f"{node.where} needs a type", "For example `type: 8`, or `type: EchoRequest`.")
        return []
    if family is None:
        return []
    if isinstance(kind.value, str) and not kind.value.isdigit():
        name = kind.choice(tuple(ICMP_TYPES[family]))
        number = None if name is None else ICMP_TYPES[family][name]
    elif isinstance(kind.value, str):
        number = int(kind.value) if _NUMBER.fullmatch(kind.value) and int(kind.value) < 256 else None
        if number is None:
            kind.wrong(f"`{kind.value}` is not an ICMP type", "Types are numbers from 0 to 255, without leading zeros.")
    else:
        number = kind.number(0, 255)
    return [] if number is None else [Ports("ICMP" if family == "IPv4" else "ICMPV6", number, number)]
