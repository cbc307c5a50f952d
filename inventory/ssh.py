"""WORKSTATION: the transport `ssh`: a host over one SSH connection, without a terminal or a shell script."""

from __future__ import annotations

import errno
import os
import shlex
import time
from collections.abc import Sequence

import paramiko

from inventory.ssh_config import Hop
from inventory.ssh_connect import Connections, left_until, where_is
from inventory.ssh_line import Line
from inventory.target import Target
from state.problem import Problem, Unreachable

_SLICE = 0.25
_KEPT = 16 * 1024


class SshTransport:
    """One host over SSH."""

    def __init__(self, connections: Connections, target: Target) -> None:
        self._connections, self._target = connections, target
        self._hop: Hop | None = None
        self._transport: Line | None = None
        self._closed = False

    @property
    def name(self) -> str:
        """The host's name."""
        return self._target.name

    @property
    def needs_sudo(self) -> bool:
        """Whether to become root first."""
        return self._server().user != "root"

    def _server(self) -> Hop:
        if self._hop is None:
            self._hop = self._connections.hop(self._target)
        return self._hop

    def open(self, command: Sequence[str], deadline: float) -> SshChannel:
        """Connect if need be, and start the command."""
        if self._closed:
            raise Unreachable(Problem("interrupted", address=f"host {self.name}"))
        if self._transport is None:
            self._transport = self._connections.connect(self._server(), self._target, deadline)
        try:
            channel = self._transport.open_session(timeout=left_until(deadline))
            channel.settimeout(left_until(deadline))
            channel.exec_command(shlex.join(command))
        except (paramiko.SSHException, OSError, EOFError) as error:
            raise Unreachable(
                Problem(f"the SSH server starts no command: {error}", where_is(self._server()), f"host {self.name}")
            ) from error
        return SshChannel(channel)

    def close(self) -> None:
        """Close the connection."""
        self._closed = True
        if self._transport is not None:
            self._transport.hang_up()


class SshChannel:
    """A command on a host. Its standard error is drained at every wait: at a full window it would stop."""

    def __init__(self, channel: paramiko.Channel) -> None:
        self._channel = channel
        self._complaint = b""
        channel.settimeout(_SLICE)

    def send(self, data: bytes, deadline: float) -> None:
        """Send everything. Raises ConnectionError where the connection has ended."""
        view = memoryview(data)
        while view:
            try:
                view = view[self._channel.send(bytes(view[: 1 << 17])) :]
            except EOFError as error:  # paramiko's own way to say that the socket is closed
                raise ConnectionResetError(errno.ECONNRESET, os.strerror(errno.ECONNRESET)) from error
            except TimeoutError:
                self._listen()
                if time.monotonic() >= deadline:
                    raise

    def receive(self, deadline: float) -> bytes:
        """Some bytes; none at the end."""
        while True:
            try:
                return self._channel.recv(1 << 18)
            except TimeoutError:
                self._listen()
                if time.monotonic() >= deadline:
                    raise

    def _listen(self) -> None:
        while self._channel.recv_stderr_ready() and (data := self._channel.recv_stderr(1 << 16)):
            self._complaint = (self._complaint + data)[-_KEPT:]

    def complaint(self) -> str:
        """The last of what it wrote to the standard error."""
        self._listen()
        return self._complaint.decode(errors="replace")

    def ending(self) -> str:
        """How the command ended."""
        if not self._channel.status_event.wait(1):
            return ""
        code = self._channel.exit_status
        return "killed by a signal" if code < 0 else f"exit status {code}"

    def close(self) -> None:
        """Hang up."""
        self._channel.close()
