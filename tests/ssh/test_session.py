"""A conversation with an agent over real SSH: what a host may do to it, and what becomes of it then."""

from __future__ import annotations

import time
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import pytest

from inventory.archive import Archive
from inventory.session import Session
from inventory.ssh import SshTransport
from inventory.ssh_connect import Connections
from inventory.target import Target
from state.problem import HostError, LockHeld, Unreachable
from tests.ssh.conftest import Serve, Server, agent_with, free_port


def said(server: Server, agent: Archive) -> object:
    """What an agent answers to one request."""
    session = Session(server.transport(), content=agent)
    try:
        return session.call("echo", {"n": 1})["said"]
    finally:
        session.close()


def archives(server: Server) -> list[str]:
    """Inode and name of what netctl left in /run."""
    return server.inside("ls -i /run/netctl").splitlines()


def test_the_agent_is_sent_once(serve: Serve, agent: Archive) -> None:
    server = serve()
    assert said(server, agent) == {"n": 1}
    first = archives(server)
    assert said(server, agent) == {"n": 1}
    assert archives(server) == first
    assert [line.split()[1] for line in first] == [f"agent-{agent.digest}"]
    assert server.inside("stat -c '%a %u' /run/netctl /run/netctl/*").split("\n")[:2] == ["700 0", "600 0"]


def test_another_version_replaces_the_older(serve: Serve, agent: Archive) -> None:
    server, newer = serve(), agent_with("newer")
    assert said(server, agent) == said(server, newer) == {"n": 1}
    assert [line.split()[1] for line in archives(server)] == [f"agent-{newer.digest}"]


def test_a_damaged_agent_is_not_run_but_sent_again(serve: Serve, agent: Archive) -> None:
    server = serve()
    said(server, agent)
    server.inside("printf XXXX | dd of=$(ls /run/netctl/agent-*) bs=1 seek=1000 conv=notrunc 2>/dev/null")
    assert said(server, agent) == {"n": 1}
    digest = server.inside("sha256sum /run/netctl/agent-*").split()[0]
    assert digest == sha256(agent.data).hexdigest()


def test_what_only_some_requests_need_is_hashed_when_they_need_it(serve: Serve, agent: Archive) -> None:
    server = serve()
    said(server, agent)
    server.inside(
        "f=$(ls /run/netctl/agent-*); printf XXXX | dd of=$f bs=1 seek=$(($(stat -c %s $f)-9)) conv=notrunc 2>&1"
    )
    session = Session(server.transport(), content=agent)
    assert session.hello.digest == agent.digest
    with pytest.raises(HostError, match="the agent's archive on this host is damaged"):
        session.call("echo", {"n": 1})
    session.close()


@pytest.mark.parametrize(
    "prepare",
    ["mkdir -m 777 /run/netctl", "mkdir -m 700 /run/netctl; chown 65534 /run/netctl"],
    ids=["writable by all", "of another user"],
)
def test_a_folder_that_is_not_roots_alone_is_not_trusted(serve: Serve, agent: Archive, prepare: str) -> None:
    server = serve(prepare=prepare)
    with pytest.raises(HostError, match=r"/run/netctl belongs to user .* it must be root's alone"):
        said(server, agent)


def test_a_link_in_the_place_of_the_folder_is_not_followed(serve: Serve, agent: Archive) -> None:
    server = serve(prepare="mkdir -m 700 /run/trap; ln -s /run/trap /run/netctl")
    assert said(server, agent) == {"n": 1}
    assert server.inside("ls /run/trap") == ""


@pytest.mark.parametrize("run", ["ro", "size=64k"], ids=["read-only", "full"])
def test_a_disk_that_cannot_be_written_is_no_obstacle(serve: Serve, agent: Archive, run: str) -> None:
    server = serve(run=run)
    assert said(server, agent) == {"n": 1}
    assert "agent-" not in server.inside("ls -R /run")


def test_a_chatty_login_shell_does_no_harm(serve: Serve, agent: Archive) -> None:
    server = serve(bashrc="echo welcome; echo 'netctl 00'; printf 'no newline'; echo noise >&2\n")
    assert said(server, agent) == {"n": 1}


def test_a_login_shell_that_never_stops_talking_is_named(serve: Serve, agent: Archive) -> None:
    server = serve(bashrc="echo weather report; head -c 200000 /dev/zero | tr '\\0' x; sleep 60\n")
    with pytest.raises(Unreachable) as refusal:
        said(server, agent)
    assert "the login shell printed" in refusal.value.problems[0].summary
    assert "weather report" in refusal.value.problems[0].detail


def test_what_the_agent_prints_never_gets_into_the_conversation(serve: Serve, agent: Archive) -> None:
    session = Session(serve().transport(), content=agent)
    assert session.call("shout", {"size": 8_000_000}) == {"done": 1}
    assert session.call("echo", {"still": "here"}) == {"said": {"still": "here"}}
    session.close()


def test_large_requests_and_replies_pass(serve: Serve, agent: Archive) -> None:
    session = Session(serve().transport(), content=agent)
    text = "é" * 3_000_000
    assert session.call("echo", {"text": text})["said"]["text"] == text
    session.close()


@pytest.mark.parametrize(
    ("verb", "summary"),
    [
        ("fail", "the agent failed: KeyError: 'oops'"),
        ("refuse", "the host refused: No such file or directory /nowhere"),
        ("nonsense", "the agent does not know the verb 'nonsense'"),
    ],
)
def test_what_goes_wrong_in_the_agent_is_told_and_the_session_goes_on(
    serve: Serve, agent: Archive, verb: str, summary: str
) -> None:
    session = Session(serve().transport(), content=agent)
    with pytest.raises(HostError) as failure:
        session.call(verb)
    assert failure.value.problems[0].summary == summary
    assert failure.value.problems[0].address == "host alpha"
    assert session.call("echo") == {"said": {}}
    session.close()


def test_an_agent_that_is_killed_in_the_middle_is_reported(serve: Serve, agent: Archive) -> None:
    session = Session(serve().transport(), content=agent)
    session.call("echo")
    with pytest.raises(HostError, match="the agent ended during `die`") as failure:
        session.call("die")
    assert "the next plan shows what is left" in failure.value.problems[0].detail


def test_a_call_ends_at_its_deadline(serve: Serve, agent: Archive) -> None:
    session = Session(serve().transport(), content=agent)
    session.call("echo")
    with pytest.raises(HostError, match="no answer in time during `hang`"):
        session.call("hang", deadline=0.3)
    session.close()


def test_a_server_that_accepts_and_says_nothing_is_given_up(login_key: Path, agent: Archive) -> None:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as silent:
        target = Target("alpha", "127.0.0.1", silent.getsockname()[1], "root", "", login_key)
        transport = SshTransport(Connections(), target)
        with pytest.raises(Unreachable, match="no answer in time"):
            transport.open(["true"], time.monotonic() + 0.5)


def test_a_port_where_nobody_listens_is_unreachable(login_key: Path, agent: Archive) -> None:
    target = Target("alpha", "127.0.0.1", free_port(), "root", "", login_key)
    with pytest.raises(Unreachable, match="cannot connect: Connection refused") as failed:
        Session(SshTransport(Connections(), target), content=agent).call("echo")
    assert failed.value.problems[0].detail.endswith(f"Try: ssh -p {target.port} root@127.0.0.1")
    knowing = replace(target, remedy="Kick it.")
    with pytest.raises(Unreachable) as failed:
        Session(SshTransport(Connections(), knowing), content=agent).call("echo")
    assert failed.value.problems[0].detail == f"root@127.0.0.1 port {target.port}. Kick it."


def test_a_name_that_does_not_exist_is_unreachable(login_key: Path, agent: Archive) -> None:
    target = Target("alpha", "nowhere.invalid", 22, "root", "", login_key)
    with pytest.raises(Unreachable, match="cannot connect: "):
        Session(SshTransport(Connections(), target), content=agent).call("echo")


def test_a_host_without_python_is_told_so(serve: Serve, agent: Archive) -> None:
    with pytest.raises(Unreachable, match="python4 is missing on the host"):
        Session(serve().transport(), python="python4", content=agent).call("echo")


def test_another_version_of_the_agent_is_refused_with_both(serve: Serve, agent: Archive) -> None:
    skewed = Archive(
        agent.data,
        agent.digest,
        agent.bytecode,
        agent.boot.replace(
            b"from state.host import agent\n", b"from state.host import agent\n    asked['digest'] = 'b' * 64\n"
        ),
    )
    with pytest.raises(HostError) as refusal:
        Session(serve().transport(), content=skewed).call("echo")
    summary = refusal.value.problems[0].summary
    assert summary.startswith("the agent on the host is another version")
    assert "b" * 64 in summary
    assert agent.digest in summary


def test_a_stream_can_be_stopped_and_the_session_goes_on(serve: Serve, agent: Archive) -> None:
    session = Session(serve().transport(), content=agent)
    events = session.stream("count")
    assert [next(events)["number"] for _ in range(5)] == [1, 2, 4, 5, 7]
    events.close()  # type: ignore[attr-defined]
    assert session.call("echo") == {"said": {}}
    session.close()


def test_the_lock_says_who_holds_it_and_dies_with_its_process(serve: Serve, agent: Archive) -> None:
    server = serve()
    first, second = (Session(server.transport(), content=agent) for _ in range(2))
    first.call("held", {"who": "ada@desk"})
    first.call("held", {"who": "ada@desk"})
    with pytest.raises(LockHeld, match="ada@desk is changing this host: `netctl apply` since "):
        second.call("held", {"who": "bob"})
    with pytest.raises(HostError):
        first.call("die")
    second.call("held", {"who": "bob"})
    for session in (first, second):
        session.close()


def test_the_lock_works_where_nothing_can_be_written(serve: Serve, agent: Archive) -> None:
    server = serve(run="ro")
    first, second = (Session(server.transport(), content=agent) for _ in range(2))
    first.call("held", {"who": "ada@desk"})
    with pytest.raises(LockHeld, match="somebody else is changing this host"):
        second.call("held", {"who": "bob"})
    for session in (first, second):
        session.close()
