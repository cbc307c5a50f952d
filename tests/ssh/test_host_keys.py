"""Whom netctl believes: only a host with the key that the manifest names."""

from __future__ import annotations

from pathlib import Path

import pytest

from inventory.archive import Archive
from inventory.session import Session
from inventory.ssh_keys import blob_of, fingerprint
from state.problem import Unreachable
from tests.ssh.conftest import Serve, keygen


def test_a_host_with_the_key_of_the_manifest_answers(serve: Serve, agent: Archive) -> None:
    session = Session(serve().transport(), content=agent)
    assert session.call("echo", {"word": "hello"}) == {"said": {"word": "hello"}}
    assert session.hello.uid == 0
    session.close()


def test_an_unknown_key_is_refused_with_its_fingerprint_and_the_line_to_write(serve: Serve, agent: Archive) -> None:
    server = serve()
    with pytest.raises(Unreachable) as refusal:
        Session(server.transport(host_key=""), content=agent).call("echo")
    (problem,) = refusal.value.problems
    assert problem.summary == "the host key is unknown"
    assert problem.address == "host alpha"
    assert fingerprint(blob_of(server.host_key)) in problem.detail
    assert f"write it to hosts.alpha.ssh.hostKey in the manifest:\n  {server.host_key}" in problem.detail


def test_a_changed_key_is_refused_with_both_fingerprints(serve: Serve, agent: Archive, tmp_path: Path) -> None:
    server, other = serve(), keygen(tmp_path / "other")
    with pytest.raises(Unreachable) as refusal:
        Session(server.transport(host_key=other), content=agent).call("echo")
    (problem,) = refusal.value.problems
    assert problem.summary == "the host key is not the one expected"
    assert fingerprint(blob_of(other)) in problem.detail
    assert fingerprint(blob_of(server.host_key)) in problem.detail
    assert "Nothing was sent." in problem.detail


def test_nothing_is_left_on_a_host_whose_key_is_wrong(serve: Serve, agent: Archive, tmp_path: Path) -> None:
    server = serve()
    with pytest.raises(Unreachable):
        Session(server.transport(host_key=keygen(tmp_path / "other")), content=agent).call("echo")
    assert "netctl" not in server.inside("ls /run")


def test_a_login_that_fails_names_the_keys_that_were_tried(serve: Serve, agent: Archive) -> None:
    server = serve()
    (server.folder / "authorized_keys").write_text("")
    with pytest.raises(Unreachable) as refusal:
        Session(server.transport(), content=agent).call("echo")
    (problem,) = refusal.value.problems
    assert problem.summary == "no login as root"
    public = server.key.with_suffix(".pub").read_text()
    assert f"tried ssh-ed25519 {fingerprint(blob_of(public))} ({server.key})" in problem.detail


def test_a_key_with_a_passphrase_is_not_asked_for_it(serve: Serve, agent: Archive, tmp_path: Path) -> None:
    import subprocess

    server = serve()
    locked = tmp_path / "locked"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "secret", "-f", str(locked)], check=True)
    server.key = locked
    with pytest.raises(Unreachable) as refusal:
        Session(server.transport(), content=agent).call("echo")
    assert f"not usable: {locked}: it has a passphrase: add it to the agent" in refusal.value.problems[0].detail
