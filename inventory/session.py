"""WORKSTATION: a conversation with the agent on one host: requests and replies over one channel.

What must be known to begin is sent at once, the first request right behind it: a host that has the agent already
answers without another round trip. One that has not asks for it, and gets it on the same channel.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from inventory import complaint
from inventory.archive import Archive, archive
from inventory.transport import Channel, Transport
from state import problem, wire
from state.frame import PROTOCOL, FrameError, Frames, pack, pack_archive
from state.host.package import BOOT
from state.naming import RUN_FOLDER
from state.problem import HostError, NetctlError, Problem, Unreachable

CONNECT: Final = 30.0
CALL: Final = 120.0
_CHATTER = 64 * 1024
_FOREVER = 1e12


@dataclass(frozen=True)
class Hello:
    """How the agent introduces itself."""

    protocol: int
    digest: str
    python: str
    kernel: str
    boot_id: str
    uid: int


class Session:
    """A conversation with one host. Not for several threads at once; `close` may come from any."""

    def __init__(
        self, transport: Transport, python: str = "python3", content: Archive | None = None, folder: str = RUN_FOLDER
    ) -> None:
        self._transport = transport
        self._python = python
        self._archive = content or archive()
        self._folder = folder
        self._marker = f"netctl {secrets.token_hex(8)}\n".encode()
        self._channel: Channel | None = None
        self._frames = Frames()
        self._hello: Hello | None = None
        self._number = 0

    @property
    def name(self) -> str:
        """The host's name."""
        return self._transport.name

    @property
    def hello(self) -> Hello:
        """How the agent introduced itself; connects if that has not happened."""
        if self._hello is None:
            deadline = time.monotonic() + CONNECT
            self._greeted(self._open(deadline, follows=False), deadline)
        assert self._hello is not None
        return self._hello

    def call(self, verb: str, body: Mapping[str, Any] | None = None, deadline: float = CALL) -> dict[str, Any]:
        """The answer to a request, within `deadline` seconds. Raises what the agent did, HostError or Unreachable."""
        number, channel = self._ask(verb, body or {})
        reply = self._reply(channel, verb, number, time.monotonic() + deadline)
        answer: dict[str, Any] = reply["ok"]
        return answer

    def stream(self, verb: str, body: Mapping[str, Any] | None = None) -> Iterator[dict[str, Any]]:
        """The events a request causes, as they come. Closing the iterator ends them; the session goes on."""
        number, channel = self._ask(verb, body or {})
        finished = False
        try:
            while True:
                reply = self._reply(channel, verb, number, _FOREVER)
                if "ok" in reply:
                    finished = True
                    return
                yield reply["event"]
        except NetctlError:
            finished = True
            raise
        finally:
            if not finished:
                self._stop(channel, verb, number)

    def _stop(self, channel: Channel, verb: str, number: int) -> None:
        deadline = time.monotonic() + CALL
        self._send(channel, pack({"stop": number}), deadline)
        while "ok" not in self._reply(channel, verb, number, deadline):
            pass

    def close(self) -> None:
        """Hang up; the agent ends."""
        self._transport.close()

    def _ask(self, verb: str, body: Mapping[str, Any]) -> tuple[int, Channel]:
        deadline = time.monotonic() + CONNECT
        channel = self._open(deadline, follows=True)
        self._number += 1
        self._send(channel, pack({"id": self._number, "verb": verb, "body": body}), deadline)
        if self._hello is None:
            self._greeted(channel, deadline)
        return self._number, channel

    def _open(self, deadline: float, follows: bool) -> Channel:
        """The channel. A request `follows` at once, or the agent has to greet without one."""
        if self._channel is None:
            first = self._archive.boot
            command = [self._python, "-I", "-S", "-c", _stage_zero(self._archive, self._folder)]
            if self._transport.needs_sudo:
                command = ["sudo", "-n", "--", *command]
            self._channel = self._transport.open(command, deadline)
            asked = {
                "marker": self._marker.decode(),
                "digest": self._archive.digest,
                "bytecode": self._archive.bytecode,
                "folder": self._folder,
                "follows": follows,
            }
            self._send(self._channel, first + pack(asked), deadline)
        return self._channel

    def _greeted(self, channel: Channel, deadline: float) -> None:
        self._skip_chatter(channel, deadline)
        frame = self._frame(channel, deadline, "its start")
        if "need" in frame:
            self._send(channel, pack_archive(self._archive.data), deadline)
            frame = self._frame(channel, deadline, "its start")
        if "refused" in frame:
            raise HostError(Problem(frame["refused"], address=self._address))
        hello = Hello(**frame)
        for what, theirs, ours in (
            ("protocol", hello.protocol, PROTOCOL),
            ("digest", hello.digest, self._archive.digest),
        ):
            if theirs != ours:
                raise HostError(
                    Problem(
                        f"the agent on the host is another version: its {what} is {theirs}, this netctl's is {ours}",
                        "Remove /run/netctl on the host, and try again.",
                        self._address,
                    )
                )
        self._hello = hello

    def _skip_chatter(self, channel: Channel, deadline: float) -> None:
        """Throw away what a login shell printed before the agent spoke."""
        seen = b""
        while self._marker not in seen:
            if len(seen) > _CHATTER:
                raise self._problem(complaint.endless_chatter(seen))
            data = self._receive(channel, deadline, "its start")
            if not data:
                raise self._problem(complaint.no_start(channel, seen, self._python))
            seen += data
        self._frames.feed(seen.split(self._marker, 1)[1])

    def _reply(self, channel: Channel, verb: str, number: int, deadline: float) -> dict[str, Any]:
        while True:
            frame = self._frame(channel, deadline, f"`{verb}`")
            if frame.get("id") != number:
                continue
            if "error" in frame:
                raise _raised(frame["error"], self._address)
            reply: dict[str, Any] = frame
            return reply

    def _frame(self, channel: Channel, deadline: float, during: str) -> Any:
        try:
            while (frame := self._frames.next()) is None:
                data = self._receive(channel, deadline, during)
                if not data:
                    raise HostError(*complaint.broken_off(channel, during, self._address).problems)
                self._frames.feed(data)
        except FrameError as error:
            raise HostError(Problem(f"the host sent what is not a message of the agent: {error}")) from error
        return frame

    def _receive(self, channel: Channel, deadline: float, during: str) -> bytes:
        try:
            return channel.receive(deadline)
        except TimeoutError:
            kind = HostError if self._hello else Unreachable
            raise kind(Problem(f"no answer in time during {during}", channel.complaint(), self._address)) from None
        except OSError as error:
            raise HostError(Problem(f"the connection broke during {during}: {error}", "", self._address)) from error

    def _send(self, channel: Channel, data: bytes, deadline: float) -> None:
        try:
            channel.send(data, deadline)
        except TimeoutError:
            raise self._problem(Problem("the host does not read what it is sent", channel.complaint())) from None
        except OSError:
            return  # it has ended: what it said, and how it ended, is read next and tells more

    def _problem(self, found: Problem) -> Unreachable:
        return Unreachable(Problem(found.summary, found.detail, self._address))

    @property
    def _address(self) -> str:
        return f"host {self.name}"


_STAGE_ZERO = """\
import os, sys, marshal, _frozen_importlib_external as x
b = bytes()
while len(b) < {size}: b += os.read(0, {size} - len(b)) or os._exit(0)
m = x.MAGIC_NUMBER.hex() == "{bytecode}"
try:
 from _blake2 import blake2b
 s = os.stat("{folder}")
 f = os.open("{path}" if m else "{path}-%s.few" % sys.implementation.cache_tag, os.O_NONBLOCK | os.O_NOFOLLOW)
 c = os.pread(f, {length}, {offset}) if m else os.pread(f, 1 << 20, 32)
 d = "{digest}" if m else os.pread(f, 32, 0).hex()
 os.close(f)
 d = d == blake2b(c, digest_size=32).hexdigest() and s.st_uid == os.geteuid() and not s.st_mode & 63
 c = d and marshal.loads(c)
except (ImportError, OSError): c = 0
few = c or {{}}
exec(few.get("{boot}") or compile(b, "netctl", "exec"))
"""


def _stage_zero(agent: Archive, folder: str) -> str:
    """The command line on the host: read the first stage, run it: from its bytecode, if the agent is there already.

    For another Python than the archive's it is what an agent left there for the next one (`state.host.boot`). Nothing
    in it means anything to any shell.
    """
    offset, length, digest = agent.entry
    text = _STAGE_ZERO.format(
        size=len(agent.boot),
        folder=folder,
        path=f"{folder}/agent-{agent.digest}",
        offset=offset,
        length=length,
        digest=digest,
        bytecode=agent.bytecode,
        boot=BOOT,
    )
    quoted = text.replace('"', '\\"').replace("\n", "\\n")
    return f'exec("{quoted}")'


def _raised(error: Mapping[str, Any], address: str) -> NetctlError:
    """The exception the agent raised, of the same class, with the host's name where a problem names nothing."""
    problems = [wire.load(Problem, item) for item in error["problems"]]
    named = [item if item.address else Problem(item.summary, item.detail, address) for item in problems]
    kind = getattr(problem, error["type"], HostError)
    known = isinstance(kind, type) and issubclass(kind, NetctlError)
    return kind(*named) if known else HostError(*named)
