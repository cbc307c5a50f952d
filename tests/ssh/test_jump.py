"""The way to a host as ~/.ssh/config describes it, walked."""

from __future__ import annotations

from pathlib import Path

import pytest

from inventory.archive import Archive
from inventory.session import Session
from inventory.ssh import SshTransport
from inventory.ssh_config import SshSettings
from inventory.ssh_connect import Connections
from inventory.target import Target
from state.problem import Unreachable
from tests.ssh.conftest import Serve, Server


def settings(folder: Path, *servers: Server, known: str | None = None) -> SshSettings:
    """An ssh_config in which `inner` is behind `outer` is behind `edge`."""
    inner, outer, edge = servers
    if known is None:
        known = "".join(f"[127.0.0.1]:{server.port} {server.host_key}\n" for server in (outer, edge))
    (folder / "known").write_text(known)
    (folder / "config").write_text(
        f"Host inner\n HostName 127.0.0.1\n Port {inner.port}\n ProxyJump outer\nInclude {folder}/more*\n"
    )
    (folder / "more.conf").write_text(
        f"Host outer\n HostName 127.0.0.1\n Port {outer.port}\n ProxyJump root@127.0.0.1:{edge.port}\n"
        f"Host *\n User root\n IdentityFile {inner.key}\n UserKnownHostsFile {folder}/known\n"
    )
    return SshSettings(folder / "config")


def test_a_host_behind_two_others_is_reached_by_its_alias(serve: Serve, agent: Archive, tmp_path: Path) -> None:
    inner, outer, edge = (serve() for _ in range(3))
    target = Target("alpha", "inner", host_key=inner.host_key)
    connections = Connections([target], settings(tmp_path, inner, outer, edge))
    sessions = [Session(SshTransport(connections, target), content=agent) for _ in range(2)]
    assert [session.call("echo") for session in sessions] == [{"said": {}}] * 2
    for session in sessions:
        session.close()
    connections.close()
    assert (outer.folder / "log").read_text().count("Accepted publickey") == 1


def test_a_jump_host_nobody_knows_is_refused(serve: Serve, agent: Archive, tmp_path: Path) -> None:
    inner, outer, edge = (serve() for _ in range(3))
    target = Target("alpha", "inner", host_key=inner.host_key)
    connections = Connections([target], settings(tmp_path, inner, outer, edge, known=""))
    with pytest.raises(Unreachable) as refusal:
        Session(SshTransport(connections, target), content=agent).call("echo")
    assert refusal.value.problems[0].summary == "the host key is unknown"
    assert str(tmp_path / "known") in refusal.value.problems[0].detail


def test_a_host_that_a_jump_host_cannot_reach_is_named(serve: Serve, agent: Archive, tmp_path: Path) -> None:
    inner, outer, edge = (serve() for _ in range(3))
    target = Target("alpha", "inner", host_key=inner.host_key)
    connections = Connections([target], settings(tmp_path, inner, outer, edge))
    inner.stop()
    with pytest.raises(Unreachable, match="cannot connect by way of outer"):
        Session(SshTransport(connections, target), content=agent).call("echo")
    connections.close()
