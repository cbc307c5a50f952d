"""HOST: questions about nftables: which state its rules are in, and which chains drop what no rule accepts."""

from __future__ import annotations

import _socket
import os
import struct

from state.host import files
from state.host.netlink import NLM_F_DUMP, NLM_F_REQUEST, NLMSG_ERROR, attributes, inside
from state.host.questions import question

_AF_NETLINK, _NETLINK_NETFILTER = 16, 12
_GET_GENERATION, _CHANGES = 10 << 8 | 16, 1
_GET_CHAIN = 10 << 8 | 4
_NFT_MESSAGES = 16
_SOL_SOCKET, _SO_NETNS_COOKIE = 1, 71


@question
def generation(netns: str) -> str:
    """A name for the present state of all rules of a namespace, of which there is no second one.

    It is the namespace's number, which is never given again before the next boot, and how often its rules have changed.
    Empty where there is no nftables; without a number to be relied on the state is another each time it is asked for.
    """
    try:
        asking = _asking(netns)
    except OSError:
        return ""
    try:
        asking.settimeout(1)
        asking.send(struct.pack("=IHHII", 20, _GET_GENERATION, NLM_F_REQUEST, 1, 0) + struct.pack("=BBH", 0, 0, 0))
        answer = asking.recv(4096)
        if struct.unpack_from("=IH", answer)[1] == NLMSG_ERROR:
            return ""
        changes = attributes(answer, 20)[_CHANGES].hex()
        return f"{files.boot_id()} {_namespace(asking)} {changes}"
    except (OSError, KeyError):
        return ""
    finally:
        asking.close()


def _asking(netns: str) -> _socket.socket:
    with inside(netns):
        return _socket.socket(_AF_NETLINK, _socket.SOCK_RAW | _socket.SOCK_CLOEXEC, _NETLINK_NETFILTER)


def _namespace(socket: _socket.socket) -> str:
    try:
        return socket.getsockopt(_SOL_SOCKET, _SO_NETNS_COOKIE, 8).hex()
    except OSError:  # a kernel before 5.14
        return os.urandom(8).hex()


@question
def base_chains() -> tuple[tuple[int, str, str, int, int], ...]:
    """Family, table, name, hook and policy of every base chain of the calling thread's namespace."""
    found: list[tuple[int, str, str, int, int]] = []
    try:
        asking = _asking("")
    except OSError:
        return ()
    try:
        flags = NLM_F_REQUEST | NLM_F_DUMP
        asking.send(struct.pack("=IHHIIBBH", 20, _GET_CHAIN, flags, 1, 0, 0, 0, 0))
        while True:
            data, offset = asking.recv(1 << 16), 0
            while offset + 20 <= len(data):
                length, kind = struct.unpack_from("=IH", data, offset)
                if kind < _NFT_MESSAGES:
                    return tuple(found)  # the end, or a kernel without nftables
                message = data[offset + 16 : offset + length]
                given = attributes(message, 4)
                if 4 in given:
                    hook = attributes(given[4]).get(1, b"\xff" * 4)
                    policy = given.get(5, b"\0\0\0\1")
                    table, name = (given[key].rstrip(b"\0").decode() for key in (1, 3))
                    found.append((message[0], table, name, *struct.unpack("!II", hook + policy)))
                offset += (length + 3) & ~3
    except OSError:
        return tuple(found)
    finally:
        asking.close()
