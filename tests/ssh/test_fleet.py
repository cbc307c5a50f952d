"""Many hosts at once."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from inventory.archive import Archive
from inventory.fleet import Fleet, Row
from inventory.local import LocalTransport
from inventory.session import Session
from inventory.target import Target
from state.problem import HostError, Unreachable
from tests.ssh.conftest import Serve, free_port, keygen


def test_one_host_that_fails_never_hides_another(serve: Serve, agent: Archive, tmp_path: Path) -> None:
    servers = [serve() for _ in range(10)]
    targets = [server.target(f"host{number}") for number, server in enumerate(servers)]
    targets.append(servers[0].target("impostor", host_key=keygen(tmp_path / "other")))
    targets.append(Target("nobody", "127.0.0.1", free_port(), "root", "ssh-ed25519 AAAA", servers[0].key))
    came: list[str] = []
    with Fleet(targets, content=agent) as fleet:
        rows = fleet.each(
            lambda session: session.call("echo", {"i": session.name}), finished=lambda r: came.append(r.host)
        )
        assert {name: row.value for name, row in rows.items() if row.error is None} == {
            f"host{number}": {"said": {"i": f"host{number}"}} for number in range(10)
        }
        assert [type(rows[name].error) for name in ("impostor", "nobody")] == [Unreachable, Unreachable]
        again = fleet.each(lambda session: session.call("echo"), hosts=["host3", "host4"])
        assert again == {name: Row(name, {"said": {}}) for name in ("host3", "host4")}
    assert sorted(came) == fleet.hosts


def test_closing_a_fleet_wakes_those_that_wait(serve: Serve, agent: Archive) -> None:
    server = serve()
    fleet = Fleet([server.target("alpha")], content=agent)
    rows: dict[str, Row[object]] = {}
    waiting = threading.Thread(target=lambda: rows.update(fleet.each(lambda session: session.call("hang"))))
    ready = fleet.each(lambda session: session.call("echo"))
    assert ready["alpha"].error is None
    waiting.start()
    fleet.close()
    waiting.join(10)
    assert not waiting.is_alive()
    assert isinstance(rows["alpha"].error, HostError)


def test_a_bug_in_the_work_is_raised_when_all_are_done(serve: Serve, agent: Archive) -> None:
    server = serve()
    done: list[str] = []

    def work(session: Session) -> None:
        if session.name == "a":
            raise KeyError("bug")
        session.call("echo")
        done.append(session.name)

    with Fleet([server.target("a"), server.target("b")], content=agent) as fleet, pytest.raises(KeyError):
        fleet.each(work)
    assert done == ["b"]


def test_this_machine_is_a_host_too(agent: Archive, tmp_path: Path) -> None:
    session = Session(LocalTransport("here"), content=agent, folder=str(tmp_path / "netctl"))
    assert session.call("echo", {"a": 1}) == {"said": {"a": 1}}
    with pytest.raises(HostError, match=r"the agent ended during `die` \(signal KILL\)"):
        session.call("die")
    session.close()
