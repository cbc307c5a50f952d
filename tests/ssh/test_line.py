"""A connection's own thread: none beside it, and it ends when the connection does."""

from __future__ import annotations

import logging
import socket
import threading
import time

import pytest

from inventory.archive import Archive
from inventory.session import Session
from inventory.ssh_connect import Connections
from inventory.ssh_line import Line
from inventory.target import Target
from state.problem import Unreachable
from tests.ssh.conftest import Serve, Server

SECONDS = 20.0


def connected(server: Server) -> Line:
    """A connection to a server, logged in."""
    connections, target = Connections(), server.target()
    return connections.connect(connections.hop(target), target, time.monotonic() + SECONDS)


def test_a_connection_takes_one_thread(serve: Serve) -> None:
    before = set(threading.enumerate())
    line = connected(serve())
    assert set(threading.enumerate()) - before == {line}
    line.hang_up()


def test_a_server_that_never_goes_on_is_given_up_in_time() -> None:
    """Without paramiko's own timer: it greets, and then says nothing."""
    ours, theirs = socket.socketpair()
    with theirs:
        theirs.sendall(b"SSH-2.0-Mute\r\n")
        connections, target = Connections(), Target("mute", "mute", user="root", connect=lambda left: ours)
        with pytest.raises(Unreachable, match="no answer in time"):
            connections.connect(connections.hop(target), target, time.monotonic() + 0.2)


def test_its_thread_ends_with_it(serve: Serve) -> None:
    line = connected(serve())
    line.hang_up()
    line.join(SECONDS)
    assert not line.is_alive()
    assert not line.is_active()


def test_what_the_server_tells_debuggers_is_in_the_log(
    serve: Serve, agent: Archive, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG, "paramiko"):
        session = Session(serve().transport(), content=agent)
        session.call("echo")
        session.close()
    assert "Debug msg: " in caplog.text
