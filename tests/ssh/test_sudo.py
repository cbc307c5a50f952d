"""Logging in as somebody else than root."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from inventory.archive import Archive
from inventory.session import Session
from state.problem import Unreachable
from tests.ssh.conftest import Serve, Server

STAND_IN = "mkdir /run/bin; printf '{script}' > /run/bin/sudo; chmod 755 /run/bin/sudo"
PATH = "SetEnv PATH=/run/bin:/usr/bin:/bin"


def user(tmp_path: Path) -> str:
    """A shell line that gives the server a user `ada`, who is not root."""
    (tmp_path / "passwd").write_text(Path("/etc/passwd").read_text() + f"ada:x:61234:61234::{tmp_path}:/bin/bash\n")
    return f"mount --bind {tmp_path}/passwd /etc/passwd; chmod 755 {tmp_path}"


def reachable(server: Server) -> Server:
    """The server with its files readable for others than root, up to the temporary folder."""
    folder = server.folder
    while folder != Path("/tmp"):
        folder.chmod(0o755)
        folder = folder.parent
    return server


def test_a_sudo_that_asks_for_a_password_is_named_with_what_to_do(serve: Serve, agent: Archive, tmp_path: Path) -> None:
    script = STAND_IN.format(script="#!/bin/sh\\necho sudo: a password is required >&2\\nexit 1\\n")
    server = reachable(serve(prepare=f"{user(tmp_path)}; {script}", config=PATH))
    with pytest.raises(Unreachable) as refusal:
        Session(server.transport(user="ada"), content=agent).call("echo")
    assert refusal.value.problems[0].summary == "sudo asks for a password"
    assert "NOPASSWD: /usr/bin/python3" in refusal.value.problems[0].detail


def test_a_host_without_sudo_is_named(serve: Serve, agent: Archive, tmp_path: Path) -> None:
    server = reachable(serve(prepare=user(tmp_path), config="SetEnv PATH=/run/bin"))
    with pytest.raises(Unreachable, match="this user cannot become root with sudo"):
        Session(server.transport(user="ada"), content=agent).call("echo")


def test_the_command_is_given_to_sudo_as_it_is(serve: Serve, agent: Archive, tmp_path: Path) -> None:
    script = STAND_IN.format(script='#!/bin/sh\\n[ "$1 $2" = "-n --" ] && shift 2 && exec "$@"\\n')
    server = reachable(serve(prepare=f"{user(tmp_path)}; {script}", config=PATH))
    session = Session(server.transport(user="ada"), content=agent)
    assert session.hello.uid == 61234
    session.close()


@pytest.mark.skipif(shutil.which("sudo") is None, reason="sudo is not installed")
def test_a_user_becomes_root_with_sudo(serve: Serve, agent: Archive, tmp_path: Path) -> None:
    (tmp_path / "sudoers").write_text("ada ALL=(root) NOPASSWD: ALL\n")
    allow = f"chown 0 {tmp_path}/sudoers; chmod 440 {tmp_path}/sudoers; mount --bind {tmp_path}/sudoers /etc/sudoers"
    server = reachable(serve(prepare=f"{user(tmp_path)}; {allow}"))
    session = Session(server.transport(user="ada"), content=agent)
    assert session.hello.uid == 0
    session.close()
