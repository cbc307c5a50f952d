"""HOST: rtnetlink in the raw: a socket in any network namespace, dumps, batches of messages. Nothing is interpreted.

Reading needs no more than the standard library's `struct` and `_socket`: 10,000 routes take a few dozen milliseconds,
and pyroute2 a second. What is written is pyroute2's to say: see `state.host.request`.
"""

from __future__ import annotations

import _socket
import ctypes
import os
import struct

TYPE_CHECKING = False  # see `state.host.questions`
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

NETNS_FOLDER = "/run/netns"

NLM_F_REQUEST, NLM_F_DUMP = 0x1, 0x300
NLM_F_DUMP_INTR = 0x10
NLMSG_ERROR, NLMSG_DONE = 2, 3
NLA_TYPE_MASK = 0x3FFF

_AF_NETLINK, _SOCK_RAW, _SOCK_CLOEXEC, _NETLINK_ROUTE = 16, 3, 0o2000000, 0
_SOL_NETLINK, _EXT_ACK, _STRICT = 270, 11, 12
_SOL_SOCKET, _SO_SNDBUF, _SO_RCVBUFFORCE = 1, 7, 33
_CLONE_NEWNET = 0x40000000
_RECEIVE = 1 << 16
"""Twice what the kernel puts into one part of a dump; from 128 KiB on each would be memory mapped anew."""
_BATCH = 32768
_ANSWERS = 1 << 21
"""Room for the answers to a batch: the kernel gives all of them before anybody can read the first."""
_ATTEMPTS = 20

_HEADER = struct.Struct("=IHHII")
_ATTRIBUTE = struct.Struct("=HH")
_INT = struct.Struct("=i")
_NUMBER = struct.Struct("=I")

libc = ctypes.CDLL(None, use_errno=True)


def attribute(kind: int, data: bytes) -> bytes:
    """One attribute, padded to four bytes."""
    return _ATTRIBUTE.pack(len(data) + 4, kind) + data + b"\0" * (-len(data) % 4)


def number(kind: int, value: int) -> bytes:
    """An attribute that holds 32 bits."""
    return attribute(kind, _NUMBER.pack(value))


def attributes(data: bytes, offset: int = 0) -> dict[int, bytes]:
    """The attributes in `data`, by kind; of a repeated one the last."""
    found: dict[int, bytes] = {}
    end = len(data)
    while offset + 4 <= end:
        length, kind = _ATTRIBUTE.unpack_from(data, offset)
        if length < 4:
            break
        found[kind & NLA_TYPE_MASK] = data[offset + 4 : offset + length]
        offset += (length + 3) & ~3
    return found


class inside:  # noqa: N801  (a context manager; contextlib's costs more than to enter a dozen namespaces)
    """The calling thread in the named network namespace for as long as the block lasts; other threads stay."""

    def __init__(self, netns: str) -> None:
        self._netns = netns
        self._home = -1

    def __enter__(self) -> None:
        if self._netns:
            home = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
            reason = _enter(f"{NETNS_FOLDER}/{self._netns}")
            if reason:
                os.close(home)
                raise _refused(self._netns, reason)
            self._home = home

    def __exit__(self, *_: object) -> None:
        if self._home >= 0:
            if libc.setns(self._home, _CLONE_NEWNET):
                os._exit(70)  # a thread in a namespace it does not know of would configure the wrong host
            os.close(self._home)
            self._home = -1


def _enter(path: str) -> str:
    """Enter a namespace; why not, where that fails."""
    try:
        target = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        return str(error.strerror)
    try:
        return f"cannot enter: {os.strerror(ctypes.get_errno())}" if libc.setns(target, _CLONE_NEWNET) else ""
    finally:
        os.close(target)


def _refused(netns: str, reason: str) -> Exception:
    from state.problem import HostError  # its import costs more than to look at a namespace

    return HostError.of(f"network namespace {netns}: {reason}", "", f"netns {netns}")


class Socket:
    """An rtnetlink socket bound to one network namespace for its whole life, whatever its thread does later.

    Nobody keeps one: an open socket would keep a namespace alive that somebody has deleted.
    """

    def __init__(self, netns: str = "") -> None:
        with inside(netns):
            self._socket = _socket.socket(_AF_NETLINK, _SOCK_RAW | _SOCK_CLOEXEC, _NETLINK_ROUTE)
        for option in (_EXT_ACK, _STRICT):
            self._socket.setsockopt(_SOL_NETLINK, option, 1)
        self._socket.setsockopt(_SOL_SOCKET, _SO_SNDBUF, 1 << 20)
        self._socket.bind((0, 0))
        self._sequence = 0

    def __enter__(self) -> Socket:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def dump(self, kind: int, body: bytes, take: Callable[[bytes], None], restart: Callable[[], None]) -> None:
        """Give every message that answers the dump to `take`. One that a change interrupted starts over (`restart`)."""
        for _ in range(_ATTEMPTS):
            restart()
            if self._dump(kind, body, take):
                return
        from state.problem import HostError

        raise HostError.of("the network's state changes faster than it can be read", "Try again when it is quieter.")

    def _dump(self, kind: int, body: bytes, take: Callable[[bytes], None]) -> bool:
        sequence = self._send(kind, NLM_F_REQUEST | NLM_F_DUMP, body)
        whole = True
        unpack = _HEADER.unpack_from
        while True:
            data = self._socket.recv(_RECEIVE)
            offset, end = 0, len(data)
            while offset < end:
                length, answer, flags, number_, _ = unpack(data, offset)
                if number_ == sequence:
                    whole = whole and not flags & NLM_F_DUMP_INTR
                    if answer == NLMSG_DONE:
                        self._check(data[offset + 16 : offset + length])
                        return whole
                    if answer == NLMSG_ERROR:
                        self._check(data[offset + 16 : offset + length])
                    take(data[offset + 16 : offset + length])
                offset += (length + 3) & ~3

    @staticmethod
    def _check(payload: bytes) -> None:
        code = -_INT.unpack_from(payload)[0] if len(payload) >= 4 else 0
        if code > 0:
            raise OSError(code, os.strerror(code))

    def get(self, kind: int, body: bytes) -> bytes:
        """The one message that answers a request. Raises OSError where the kernel has none."""
        sequence = self._send(kind, NLM_F_REQUEST, body)
        while True:
            data = self._socket.recv(_RECEIVE)
            length, answer, _, number_, _ = _HEADER.unpack_from(data)
            if number_ == sequence:
                if answer == NLMSG_ERROR:
                    self._check(data[16:length])
                return data[16:length]

    def _send(self, kind: int, flags: int, body: bytes) -> int:
        self._sequence += 1
        self._socket.send(_HEADER.pack(16 + len(body), kind, flags, self._sequence, 0) + body)
        return self._sequence

    def run(self, messages: Sequence[bytes]) -> list[bytes]:
        """Carry out messages in order, many per system call; the kernel's answer to each, an NLMSG_ERROR.

        Those of one call are all carried out or refused before the call returns, also when the process is killed.
        """
        self._socket.setsockopt(_SOL_SOCKET, _SO_RCVBUFFORCE, _ANSWERS)
        answers: list[bytes] = []
        batch: list[bytes] = []
        size = 0
        for message in messages:
            if batch and size + len(message) > _BATCH:
                answers += self._run(batch)
                batch, size = [], 0
            batch.append(message)
            size += len(message)
        return answers + (self._run(batch) if batch else [])

    def _run(self, messages: Sequence[bytes]) -> list[bytes]:
        first = self._sequence + 1
        numbered = bytearray()
        for message in messages:
            self._sequence += 1
            numbered += message[:8] + _NUMBER.pack(self._sequence) + message[12:]
        self._socket.send(numbered)
        answers: dict[int, bytes] = {}
        while len(answers) < len(messages):
            data = self._socket.recv(_RECEIVE)
            offset = 0
            while offset < len(data):
                length, answer, _, number_, _ = _HEADER.unpack_from(data, offset)
                if answer == NLMSG_ERROR and first <= number_ <= self._sequence:
                    answers[number_] = data[offset : offset + length]
                offset += (length + 3) & ~3
        return [answers[number_] for number_ in sorted(answers)]
