"""HOST: questions about the network: rtnetlink's messages of one namespace, cut down to what netctl makes sense of.

What is left out is what nobody asks for, and what changes by itself: counters, ages, times that are left. Messages keep
their shape, `state.host.read` makes records of them.
"""

from __future__ import annotations

import os
import struct
from _socket import AF_INET, AF_INET6, inet_pton

from state.host import files
from state.host.netlink import NETNS_FOLDER, NLA_TYPE_MASK, Socket, attribute, attributes, number
from state.host.questions import question

TYPE_CHECKING = False  # see `state.host.questions`
if TYPE_CHECKING:
    from typing import Optional

    Messages = tuple[bytes, ...]
    Network = tuple[int, int, int]  # family, length, the bits that count

LINK = struct.Struct("=BxHiII")
ADDRESS = struct.Struct("=BBBBI")
ROUTE = struct.Struct("=BBBBBBBBI")
NEIGHBOUR = struct.Struct("=BxxxiHBB")
FAMILIES = (AF_INET, AF_INET6)

CLONED, PERMANENT = 0x200, 0x80

_GETLINK, _GETADDR, _GETROUTE, _GETNEIGH, _GETRULE, _GETNSID = 18, 22, 26, 30, 34, 90
_SKIP_STATISTICS = struct.pack("=HHI", 8, 29, 1 << 3)
_ATTRIBUTE = struct.Struct("=HH")

_LINFO, _AF_SPEC = 18, 26
_OF_LINK = frozenset((1, 3, 4, 5, 10, 37, 52))
_OF_ADDRESS = frozenset((1, 2, 11))
_OF_ROUTE = frozenset((1, 4, 5, 6, 7, 8, 15))
_OF_NEIGHBOUR = frozenset((1, 2, 12))
_OF_IPV4, _OF_IPV6 = frozenset((1,)), frozenset((2, 8))


@question
def links(netns: str) -> Messages:
    """Each device of a namespace."""
    body = LINK.pack(0, 0, 0, 0, 0) + _SKIP_STATISTICS
    return tuple(_link(message) for message in _dump(netns, _GETLINK, body))


@question
def namespaces(netns: str) -> tuple[tuple[int, str], ...]:
    """The names in /run/netns with the number that the kernel uses for each in this namespace."""
    found: dict[int, str] = {}
    with Socket(netns) as socket:
        for name in files.names(NETNS_FOLDER) or ():
            try:
                target = os.open(f"{NETNS_FOLDER}/{name}", os.O_RDONLY | os.O_CLOEXEC)
            except OSError:
                continue
            try:
                answer = socket.get(_GETNSID, struct.pack("=Bxxx", 0) + number(3, target))
            except OSError:
                continue  # a file that is no namespace
            finally:
                os.close(target)
            found.setdefault(struct.unpack("=i", attributes(answer, 4)[1])[0], name)
    found.pop(-1, None)
    return tuple(found.items())


@question
def addresses(netns: str) -> Messages:
    """Each address of a namespace."""
    return tuple(_cut(message, 8, _OF_ADDRESS) for message in _dump(netns, _GETADDR, ADDRESS.pack(0, 0, 0, 0, 0)))


@question
def neighbours(netns: str) -> Messages:
    """Each neighbour of a namespace that is permanent or that somebody put there under a protocol."""
    messages = _dump(netns, _GETNEIGH, NEIGHBOUR.pack(0, 0, 0, 0, 0))
    return tuple(_cut(message, 12, _OF_NEIGHBOUR) for message in messages if _is_somebodys(message))


def _is_somebodys(message: bytes) -> bool:
    family, _, state, _, _ = NEIGHBOUR.unpack_from(message)
    return family in FAMILIES and bool(state & PERMANENT or attributes(message, 12).get(12, b"\0")[0])


@question
def routes(netns: str, within: Optional[tuple[str, ...]], protocol: int) -> Messages:
    """Each route of every table, not the kernel's caches. With `within` those of one protocol, and those inside it."""
    wanted = None if within is None else [_network(network) for network in within]
    kept: list[bytes] = []
    unpack = ROUTE.unpack_from

    def take(message: bytes) -> None:
        family, length, _, _, _, by, _, _, flags = unpack(message)
        if flags & CLONED or family not in FAMILIES:
            return
        if wanted is None or by == protocol or _lies_within(message, family, length, wanted):
            kept.append(message)

    with Socket(netns) as socket:
        socket.dump(_GETROUTE, ROUTE.pack(0, 0, 0, 0, 0, 0, 0, 0, 0), take, kept.clear)
    return tuple(_cut(message, 12, _OF_ROUTE) for message in kept)


def _network(network: str) -> Network:
    address, _, length = network.partition("/")
    family = AF_INET6 if ":" in address else AF_INET
    packed = inet_pton(family, address)
    shift = len(packed) * 8 - int(length)
    return family, int(length), int.from_bytes(packed, "big") >> shift


def _lies_within(message: bytes, family: int, length: int, networks: list[Network]) -> bool:
    for candidate, shortest, prefix in networks:
        if family == candidate and length >= shortest:
            size = 4 if family == AF_INET else 16
            packed = attributes(message, 12).get(1, b"\0" * size)
            if int.from_bytes(packed, "big") >> (size * 8 - shortest) == prefix:
                return True
    return False


@question
def way(netns: str, address: str) -> bytes:
    """The route that the host itself would take to an address; empty where there is none."""
    family = AF_INET6 if ":" in address else AF_INET
    raw = inet_pton(family, address)
    body = ROUTE.pack(family, len(raw) * 8, 0, 0, 0, 0, 0, 0, 0) + attribute(1, raw)
    with Socket(netns) as socket:
        try:
            return _cut(socket.get(_GETROUTE, body), 12, _OF_ROUTE)
        except OSError:
            return b""


@question
def rules(netns: str) -> Messages:
    """Each routing rule, IPv4 then IPv6."""
    return tuple(
        message for family in FAMILIES for message in _dump(netns, _GETRULE, ROUTE.pack(family, 0, 0, 0, 0, 0, 0, 0, 0))
    )


def _dump(netns: str, kind: int, body: bytes) -> list[bytes]:
    messages: list[bytes] = []
    with Socket(netns) as socket:
        socket.dump(kind, body, messages.append, messages.clear)
    return messages


def _cut(message: bytes, offset: int, wanted: frozenset[int]) -> bytes:
    """A message with these of its attributes, which begin at `offset`."""
    kept = [message[:offset]]
    end = len(message)
    unpack = _ATTRIBUTE.unpack_from
    while offset + 4 <= end:
        length, kind = unpack(message, offset)
        if length < 4:
            break
        after = offset + ((length + 3) & ~3)
        if kind & NLA_TYPE_MASK in wanted:
            kept.append(message[offset:after])
        offset = after
    return b"".join(kept)


def _link(message: bytes) -> bytes:
    """Of a device's details what a tunnel is like, and how it speaks IPv4 and IPv6."""
    given = attributes(message, 16)
    info, families = attributes(given.get(_LINFO, b"")), attributes(given.get(_AF_SPEC, b""))
    ipv4, ipv6 = families.get(AF_INET), families.get(AF_INET6)
    nested = b""
    if info.get(1, b"").rstrip(b"\0") in (b"veth", b"vxlan"):
        nested += attribute(_LINFO, given[_LINFO])
    elif 1 in info:
        nested += attribute(_LINFO, attribute(1, info[1]))
    speaks = b"" if ipv4 is None else attribute(AF_INET, _cut(ipv4, 0, _OF_IPV4))
    speaks += b"" if ipv6 is None else attribute(AF_INET6, _cut(ipv6, 0, _OF_IPV6))
    return _cut(message, 16, _OF_LINK) + nested + attribute(_AF_SPEC, speaks)
