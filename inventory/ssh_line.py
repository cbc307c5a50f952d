"""WORKSTATION: one SSH connection of paramiko's, without what it does for each host that is of no use to netctl."""

from __future__ import annotations

import contextlib
import logging
import socket
from typing import Any

import paramiko
from paramiko.packet import Packetizer


class Line(paramiko.Transport):
    """A connection whose thread sleeps while nothing happens: of its end it is told, it need not look for it."""

    _active_check_timeout = 1.0  # seconds, not tenths: it is for keep-alives, and to notice a close without `hang_up`

    def __init__(self, stream: Any) -> None:
        super().__init__(stream, packetizer_class=_Packets)

    def _parse_debug(self, message: Any) -> None:
        """Note what the server tells debuggers, if anybody reads it: paramiko escapes it byte by byte."""
        if self.logger.isEnabledFor(logging.DEBUG):
            super()._parse_debug(message)  # type: ignore[misc]

    def hang_up(self) -> None:
        """End the connection. Its own thread clears up: at a socket's end at once, else within a second."""
        with contextlib.suppress(OSError, AttributeError):
            self.sock.shutdown(socket.SHUT_RDWR)
        if not isinstance(self.sock, socket.socket):  # the channel of a jump host, or a command that is the way there
            self.close()


class _Packets(Packetizer):
    """Packets without a timer for the handshake: it would be one more thread, and whoever waits has a deadline."""

    def start_handshake(self, timeout: float) -> None:
        """Start no timer."""
