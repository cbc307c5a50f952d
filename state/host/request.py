"""HOST: requests to rtnetlink: pyroute2 makes them into bytes and the kernel's refusals into words.

Its message classes do the work, imported when there is something to write. `IPRoute` itself is built on asyncio: it
takes 100 ms to import where they take 15, and sends one request at a time, each at four times the cost. Here many
requests are one system call, so that a device and its mark are made together, also by an agent that is killed.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from typing import Any, Optional

from state.host.netlink import Socket

_MESSAGES = {
    "link": "ifinfmsg",
    "linkprop": "ifinfmsg",
    "addr": "ifaddrmsg",
    "neigh": "ndmsg",
    "route": "rtmsg",
    "rule": "fibmsg",
}
_VERBS = {"add": "NEW", "replace": "NEW", "set": "SET", "del": "DEL"}
_FLAGS = {"add": ("CREATE", "EXCL"), "replace": ("CREATE", "REPLACE")}
_ERROR = struct.Struct("=16xi")

Attributes = Sequence[tuple[str, Any]]


@dataclass(frozen=True)
class Request:
    """One message to the kernel, in pyroute2's words: what kind of object, what to do with it, what it is like.

    `tolerate` are errors that mean that it is already so; `what` names the object to people.
    """

    kind: str
    command: str
    fields: Mapping[str, int]
    attributes: Attributes
    what: str
    tolerate: tuple[int, ...] = ()


@dataclass(frozen=True)
class Refusal:
    """The kernel's answer to a request it did not carry out, in its own words where it has any (`extended`)."""

    request: Request
    number: int
    extended: str

    def __str__(self) -> str:
        reason = os.strerror(self.number)
        return f"{reason} ({self.extended})" if self.extended not in ("", reason) else reason


def carry_out(socket: Socket, requests: Sequence[Request]) -> list[Refusal]:
    """Carry out requests in order; what the kernel refused, in order."""
    answers = socket.run([_encoded(request) for request in requests])
    found = (_refusal(request, answer) for request, answer in zip(requests, answers))
    return [refusal for refusal in found if refusal is not None]


def nested(*attributes: tuple[str, Any]) -> dict[str, Attributes]:
    """The value of an attribute that holds attributes."""
    return {"attrs": attributes}


@cache
def _header(kind: str, command: str) -> tuple[Any, dict[str, int]]:
    """The class of a message, and the beginning of its header."""
    netlink, rtnl = import_module("pyroute2.netlink"), import_module("pyroute2.netlink.rtnl")
    name = _MESSAGES[kind]
    flags = netlink.NLM_F_REQUEST | netlink.NLM_F_ACK
    for flag in _FLAGS.get(command, ()):
        flags |= getattr(netlink, f"NLM_F_{flag}")
    number = getattr(rtnl, f"RTM_{_VERBS[command]}{kind.upper()}")
    return getattr(import_module(f"pyroute2.netlink.rtnl.{name}"), name), {"type": number, "flags": flags}


def _encoded(request: Request) -> bytes:
    """The message as bytes; the socket numbers it."""
    made, header = _header(request.kind, request.command)
    message = made()
    message["header"].update(header)
    message.update(request.fields)
    message["attrs"] = [list(attribute) for attribute in request.attributes]
    message.encode()
    data = bytes(message.data)
    message["attrs"] = []  # they hold on to their message, and an agent collects no cycles
    return data


def _refusal(request: Request, answer: bytes) -> Optional[Refusal]:
    code = -_ERROR.unpack_from(answer)[0]
    if not code or code in request.tolerate:
        return None
    # A NetlinkError, or an OSError where the kernel has no room: both say the number, then the words.
    (decoded,) = import_module("pyroute2.netlink.marshal").Marshal().parse(answer)
    number, words = decoded["header"]["error"].args
    return Refusal(request, int(number), words or "")
