"""What the agent carries of pyroute2: enough on every Python, no more, and only for agents that write."""

from __future__ import annotations

import secrets
from pathlib import Path

import pytest

from inventory import archive as archives
from inventory.local import LocalTransport
from inventory.pruned import STAND_INS, folder, pyroute2
from inventory.session import Session
from tests.ssh.test_interpreters import SUPPORTED, interpreter

WRITE = """
import sys
from state.kernel import Settings
from state.problem import HostError

def loaded():
    return sorted(name for name in sys.modules if name.startswith(("pyroute2", "asyncio", "multiprocessing")))

def answer(kernel, body):
    kernel.net.links(), kernel.net.routes(), kernel.net.route_to("127.0.0.1")
    reading = loaded()
    kernel.netns.create(body["netns"])
    try:
        marks = kernel.net.links(body["netns"])[0].marks
        kernel.net.configure("nowhere", Settings(up=True), body["netns"])
    except HostError as error:
        refused = str(error)
    finally:
        kernel.netns.delete(body["netns"])
    return {"reading": reading, "marks": marks, "refused": refused, "writing": loaded()}
"""


def module(name: str) -> str:
    """A file's name as a module's."""
    return name.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


@pytest.mark.parametrize("version", SUPPORTED)
def test_an_agent_that_writes_loads_what_is_carried_and_one_that_reads_nothing(version: str, tmp_path: Path) -> None:
    contents = archives.contents()
    contents["state/host/test_write.py"] = WRITE.encode()
    contents["state/host/agent.py"] += b'\nVERBS["write"] = "state.host.test_write"\n'
    agent = archives.sealed(archives.build(contents), contents)
    session = Session(LocalTransport("here"), interpreter(version), agent, str(tmp_path / "netctl"))
    said = session.call("write", {"netns": f"nt{secrets.token_hex(3)}"})
    session.close()
    assert said["reading"] == []
    assert said["marks"] == ["netctl.owner"]
    assert said["refused"] == "device nowhere: the kernel refused to set it: No such device"
    not_asked_for = {f"pyroute2.netlink.rtnl.{name}" for name in ("fibmsg", "ifaddrmsg", "ndmsg", "rtmsg")}
    assert {*said["writing"]} == {module(name) for name in pyroute2()} - not_asked_for


def test_what_is_stood_in_for_exists() -> None:
    assert [name for name in STAND_INS if not (folder() / name).is_file()] == []
