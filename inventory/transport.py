"""WORKSTATION: a way to run one command on a host and talk to it. `inventory.ssh` is one, `inventory.local` another."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol


class Channel(Protocol):
    """A running command: bytes in, bytes out; what it writes to the standard error is collected meanwhile."""

    def send(self, data: bytes, deadline: float) -> None:
        """Send everything. Raises TimeoutError after the deadline (of `time.monotonic`), OSError if it is gone."""
        ...

    def receive(self, deadline: float) -> bytes:
        """Some bytes; none at the end. Raises TimeoutError after the deadline."""
        ...

    def complaint(self) -> str:
        """The last of what it wrote to the standard error."""
        ...

    def ending(self) -> str:
        """How the command ended (`exit status 1`, `signal KILL`), empty where it has not or nobody knows."""
        ...

    def close(self) -> None:
        """Hang up. The command sees the end of its input."""
        ...


class Transport(Protocol):
    """A host that commands can be run on. `name` is the host's, `needs_sudo` whether to become root first."""

    @property
    def name(self) -> str: ...
    @property
    def needs_sudo(self) -> bool: ...

    def open(self, command: Sequence[str], deadline: float) -> Channel:
        """Connect if need be, and start the command. Raises Unreachable."""
        ...

    def close(self) -> None:
        """Let go of the host; whoever waits for it is woken."""
        ...
