"""HOST: what the network looks like: rtnetlink's messages of one namespace as the port's records."""

from __future__ import annotations

import struct
from _socket import AF_INET, AF_INET6, inet_ntop
from collections.abc import Callable, Iterable, Mapping
from typing import Optional

from state.host.dumps import ADDRESS, LINK, NEIGHBOUR, PERMANENT, ROUTE
from state.host.netlink import attributes
from state.kernel import Address, Link, Neighbour, Route, Rule
from state.naming import colons

TYPES = {1: "unicast", 2: "local", 3: "broadcast", 4: "anycast", 5: "multicast", 6: "blackhole", 7: "unreachable"}
TYPES.update({8: "prohibit", 9: "throw", 10: "nat"})
ACTIONS = {1: "lookup", 2: "goto", 3: "nop", 6: "blackhole", 7: "unreachable", 8: "prohibit"}

_UP, _ONLINK = 1, 4
_EMPTY = {AF_INET: "0.0.0.0", AF_INET6: "::"}
_ATTRIBUTE = struct.Struct("=HH")
_U32 = struct.Struct("=I")

Messages = Iterable[bytes]
Names = Mapping[int, str]
"""The names of devices by index."""


def family_of(address: str) -> int:
    """AF_INET or AF_INET6."""
    return AF_INET6 if ":" in address else AF_INET


def links(messages: Messages, namespaces: Callable[[], Mapping[int, str]]) -> list[Link]:
    """All devices. `namespaces` gives names by the numbers the kernel has for them here; asked only when one occurs."""
    return [_link(message, namespaces) for message in messages]


def _link(message: bytes, namespaces: Callable[[], Mapping[int, str]]) -> Link:
    _, _, index, flags, _ = LINK.unpack_from(message)
    given = attributes(message, 16)
    info = attributes(given.get(18, b""))
    kind = _text(info.get(1))
    details = attributes(info.get(2, b"")) if kind == "vxlan" else {}
    ipv4, ipv6 = _family_settings(given.get(26, b""))
    crossing = given.get(37)
    return Link(
        name=_text(given.get(3)),
        index=index,
        type=kind,
        up=bool(flags & _UP),
        mtu=_number(given.get(4)),
        mac=colons(given.get(1, b"")),
        marks=_alternative_names(given.get(52, b"")),
        master=_number(given.get(10)),
        port=int.from_bytes(details.get(15, b"\0\0"), "big"),
        external=25 in details and details[25] != b"\0",
        peer_index=_number(given.get(5)) if kind == "veth" else 0,
        peer_netns=None if crossing is None else namespaces().get(_number(crossing)),
        rp_filter=ipv4[7] if ipv4 else 0,
        forwarding_ipv4=bool(ipv4 and ipv4[0]),
        forwarding_ipv6=bool(ipv6 and ipv6[0][0]),
        accept_ra=ipv6[0][3] if ipv6 else 0,
        ipv6=bool(ipv6 and not ipv6[0][26]),
        link_local=bool(ipv6 and ipv6[1] != 1),
        ttl=details.get(5, b"\0")[0],
    )


def _family_settings(data: bytes) -> tuple[tuple[int, ...], Optional[tuple[tuple[int, ...], int]]]:
    """IPv4's settings; IPv6's with how it makes link-local addresses. Empty where the device lacks the family."""
    families = attributes(data)
    ipv4 = attributes(families.get(AF_INET, b"")).get(1, b"")
    inside6 = attributes(families.get(AF_INET6, b""))
    ipv6 = inside6.get(2)
    settings = struct.unpack(f"={len(ipv4) // 4}I", ipv4)
    if ipv6 is None:
        return settings, None
    return settings, (struct.unpack(f"={len(ipv6) // 4}i", ipv6), inside6.get(8, b"\0")[0])


def _alternative_names(data: bytes) -> tuple[str, ...]:
    names: list[str] = []
    offset = 0
    while offset + 4 <= len(data):
        length, kind = struct.unpack_from("=HH", data, offset)
        if length < 4:
            break
        if kind == 53:
            names.append(_text(data[offset + 4 : offset + length]))
        offset += (length + 3) & ~3
    return tuple(names)


def names(messages: Messages) -> dict[int, str]:
    """The names of all devices by index."""
    return {LINK.unpack_from(message)[2]: _name(message) for message in messages}


def _name(message: bytes) -> str:
    """The name in a link message: the kernel writes it first, and a message has many attributes."""
    length, kind = _ATTRIBUTE.unpack_from(message, 16)
    return _text(message[20 : 16 + length] if kind == 3 else attributes(message, 16).get(3))


def addresses(messages: Messages, netns: str, devices: Names) -> list[Address]:
    """All addresses, IPv4 then IPv6."""
    found: list[Address] = []
    for message in messages:
        family, length, _, _, index = ADDRESS.unpack_from(message)
        given = attributes(message, 8)
        packed = given.get(2) or given.get(1, b"")
        protocol = given.get(11, b"\0")[0]
        found.append(Address(netns, devices.get(index, ""), inet_ntop(family, packed), length, protocol))
    return found


def neighbours(messages: Messages, netns: str, devices: Names) -> list[Neighbour]:
    """Neighbours that are permanent or that somebody put there under a protocol."""
    found: list[Neighbour] = []
    for message in messages:
        family, index, state, _, _ = NEIGHBOUR.unpack_from(message)
        given = attributes(message, 12)
        protocol = given.get(12, b"\0")[0]
        address, mac = inet_ntop(family, given[1]), colons(given.get(2, b""))
        found.append(Neighbour(netns, devices.get(index, ""), address, mac, bool(state & PERMANENT), protocol))
    return found


def routes(messages: Messages, netns: str, devices: Names) -> list[Route]:
    """Routes of all tables."""
    return [route(message, netns, devices) for message in messages]


def route(message: bytes, netns: str, devices: Names) -> Route:
    """The record of one route message."""
    family, length, _, _, table, protocol, _, kind, flags = ROUTE.unpack_from(message)
    given = attributes(message, 12)
    destination = inet_ntop(family, given[1]) if 1 in given else _EMPTY[family]
    metrics = attributes(given[8]) if 8 in given else {}
    return Route(
        netns=netns,
        destination=f"{destination}/{length}",
        device=devices.get(_number(given.get(4)), ""),
        gateway=inet_ntop(family, given[5]) if 5 in given else "",
        onlink=bool(flags & _ONLINK),
        source=inet_ntop(family, given[7]) if 7 in given else "",
        metric=_number(given.get(6)),
        mtu=_number(metrics.get(2)),
        table=_number(given[15]) if 15 in given else table,
        type=TYPES.get(kind, str(kind)),
        protocol=protocol,
    )


def rules(messages: Messages) -> list[Rule]:
    """The routing rules, IPv4 then IPv6."""
    return [_rule(message) for message in messages]


def _rule(message: bytes) -> Rule:
    family, to_length, from_length, _, table, _, _, action, _ = ROUTE.unpack_from(message)
    given = attributes(message, 12)
    return Rule(
        family=4 if family == AF_INET else 6,
        priority=_number(given.get(6)),
        source=f"{inet_ntop(family, given[2])}/{from_length}" if 2 in given else "",
        destination=f"{inet_ntop(family, given[1])}/{to_length}" if 1 in given else "",
        mark=_number(given.get(10)),
        mask=_number(given.get(16)) if _number(given.get(10)) else 0,
        incoming=_text(given.get(3)),
        outgoing=_text(given.get(17)),
        table=_number(given[15]) if 15 in given else table,
        action=ACTIONS.get(action, str(action)),
        protocol=given.get(21, b"\0")[0],
    )


def _text(data: Optional[bytes]) -> str:
    return "" if data is None else data.rstrip(b"\0").decode(errors="replace")


def _number(data: Optional[bytes]) -> int:
    return 0 if data is None else int(_U32.unpack_from(data)[0])
