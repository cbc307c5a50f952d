"""WORKSTATION: the transport `local`: this very machine, without SSH."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import subprocess
import time
from collections.abc import Sequence

from state.problem import Problem, Unreachable

_KEPT = 16 * 1024


class LocalTransport:
    """This machine as a host."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._channels: list[LocalChannel] = []

    @property
    def name(self) -> str:
        """The host's name."""
        return self._name

    @property
    def needs_sudo(self) -> bool:
        """Whether to become root first."""
        return os.geteuid() != 0

    def open(self, command: Sequence[str], deadline: float) -> LocalChannel:
        """Start the command."""
        try:
            channel = LocalChannel(command)
        except OSError as error:
            raise Unreachable(Problem(f"{command[0]} cannot be run: {error.strerror}", address=self._name)) from error
        self._channels.append(channel)
        return channel

    def close(self) -> None:
        """Hang up on everything that runs."""
        for channel in self._channels:
            channel.close()


class LocalChannel:
    """A process of this machine, in a session of its own: a Ctrl-C must not kill it in the middle of a change."""

    def __init__(self, command: Sequence[str]) -> None:
        pipe = subprocess.PIPE
        self._process = subprocess.Popen(
            list(command), stdin=pipe, stdout=pipe, stderr=pipe, bufsize=0, start_new_session=True
        )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        assert self._process.stderr is not None
        self._in, self._out, self._err = (
            stream.fileno() for stream in (self._process.stdin, self._process.stdout, self._process.stderr)
        )
        os.set_blocking(self._in, False)
        self._complaint = b""
        self._mute = False

    def send(self, data: bytes, deadline: float) -> None:
        """Send everything."""
        view = memoryview(data)
        while view:
            ready = self._wait([] if self._mute else [self._err], [self._in], deadline)
            if self._in in ready:
                view = view[os.write(self._in, view) :]

    def receive(self, deadline: float) -> bytes:
        """Some bytes; none at the end."""
        while True:
            ready = self._wait([self._out] if self._mute else [self._out, self._err], [], deadline)
            if self._out in ready:
                return os.read(self._out, 1 << 18)

    def _wait(self, reading: list[int], writing: list[int], deadline: float) -> list[int]:
        readable, writable, _ = select.select(reading, writing, [], min(max(0.0, deadline - time.monotonic()), 3600.0))
        if not readable and not writable:
            raise TimeoutError
        if self._err in readable:
            self._listen()
        return readable + writable

    def _listen(self) -> None:
        data = os.read(self._err, 1 << 16)
        self._mute = not data
        self._complaint = (self._complaint + data)[-_KEPT:]

    def complaint(self) -> str:
        """The last of what it wrote to the standard error."""
        while not self._mute and select.select([self._err], [], [], 0)[0]:
            self._listen()
        return self._complaint.decode(errors="replace")

    def ending(self) -> str:
        """How the process ended."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            code = self._process.wait(1)
            return f"signal {signal.Signals(-code).name.removeprefix('SIG')}" if code < 0 else f"exit status {code}"
        return ""

    def close(self) -> None:
        """Hang up."""
        if self._process.stdin is not None and not self._process.stdin.closed:
            self._process.stdin.close()
            self._reap()

    def _reap(self) -> None:
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(2)
        for stream in (self._process.stdout, self._process.stderr):
            if stream is not None:
                stream.close()
