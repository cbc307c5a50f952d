"""BOTH SIDES: how the workstation and the agent talk: frames of JSON, each with its length in front.

A session, as bytes from the workstation: the first stage's text (`state.host.boot`), the parameters, then requests. As
bytes from the host: whatever a login shell prints, the marker, then frames: `hello`, replies, events. A frame whose
length has its highest bit set is the agent's archive, not JSON; it is sent only when asked for.
"""

from __future__ import annotations

import json
import struct

TYPE_CHECKING = False  # see `state.host.questions`
if TYPE_CHECKING:
    from typing import Any, Optional

PROTOCOL = 1
LIMIT = 64 * 1024 * 1024
ARCHIVE = 0x80000000

_LENGTH = struct.Struct("!I")


class FrameError(ValueError):
    """Bytes that are not a frame."""


def dumped(value: Any) -> bytes:
    """A value as JSON."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode("utf-8", "surrogatepass")


def pack(value: Any) -> bytes:
    """The frame of a JSON value."""
    data = dumped(value)
    if len(data) > LIMIT:
        raise FrameError(f"a message of {len(data)} bytes is more than the {LIMIT} a frame may hold")
    return _LENGTH.pack(len(data)) + data


def pack_archive(data: bytes) -> bytes:
    """The frame of the agent's archive."""
    return _LENGTH.pack(ARCHIVE | len(data)) + data


class Frames:
    """Cuts a stream of bytes into JSON values."""

    def __init__(self) -> None:
        self._held = bytearray()

    def feed(self, data: bytes) -> None:
        """Add what has arrived."""
        self._held += data

    def next(self) -> Optional[Any]:
        """The next whole value, or None while it is incomplete."""
        if len(self._held) < _LENGTH.size:
            return None
        (size,) = _LENGTH.unpack_from(self._held)
        if size > LIMIT:
            raise FrameError(f"a frame of {size} bytes, begun by {bytes(self._held[:32])!r}")
        end = _LENGTH.size + size
        if len(self._held) < end:
            return None
        data = bytes(self._held[_LENGTH.size : end])
        del self._held[:end]
        try:
            return json.loads(data.decode("utf-8", "surrogatepass"))
        except ValueError as error:
            raise FrameError(f"not JSON: {data[:64]!r}") from error
