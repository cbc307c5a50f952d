"""An apply that is cut short: the next plan shows exactly what is left, and the next apply completes it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from inventory import session, ssh_connect
from inventory.lab import power, record
from tests.fleet.look import changed, settled
from tests.fleet.town import ROOT, Done, Town

MOMENTS = {
    "forwarding switched on": "[[ $(</proc/sys/net/ipv4/ip_forward) == 1 ]]",
    "a namespace made": "[ -e /run/netns/web-1 ]",
    "a device made": "[ -e /sys/class/net/nc-058d ]",
    "the tunnel made": "[ -e /sys/class/net/nc-overlay ]",
    "the first maps pinned": "[ -e /sys/fs/bpf/netctl ]",
    "the last map pinned": "compgen -G '/sys/fs/bpf/netctl/*/verdicts' >/dev/null",
    "the first program loaded": "[ -e /sys/fs/bpf/netctl/programs ]",
    "the first program attached": "[ -e /sys/fs/bpf/netctl/links ]",
    "a device set up": "[[ $(</sys/class/net/nc-058d/operstate) == up ]]",
    "a route made": "[[ $(</proc/net/route) == *nc-* ]]",
    "almost all done": "[ -e /proc/sys/net/netfilter ] && nft list table inet netctl >/dev/null 2>&1",
}
KILL = """
until {moment}; do :; done 2>/dev/null
kill -9 $(grep -o '"pid": [0-9]*' /run/netctl/lock | cut -d' ' -f2)
echo killed
"""


@pytest.fixture(scope="module")
def fresh(lab: Town) -> str:
    """Alpha when the manifest was applied to it without anything in between."""
    lab.apply()
    return settled(lab, "alpha")


@pytest.mark.parametrize("moment", MOMENTS)
def test_an_agent_killed_on_the_way_leaves_what_the_next_plan_shows(lab: Town, fresh: str, moment: str) -> None:
    town = lab
    town.destroy("--host", "alpha")
    whole = {_name(change) for change in town.plan()["changes"]}
    with town.start("alpha", "bash", "-c", KILL.format(moment=MOMENTS[moment])) as killer:
        done = town.netctl("apply", "--yes", "--format", "json")
        killer.kill() if killer.poll() is None and done.code == 0 else None
        assert killer.communicate()[0] == "killed\n"
    assert done.code == 3, done.out + done.err
    alpha, beta = done.json["hosts"]
    assert (alpha["outcome"], beta["outcome"]) == ("failed", "unchanged")
    left = [_name(change) for change in town.plan()["changes"]]
    assert len(left) == len(set(left))
    assert set(left) <= whole, "what was not to do before is to do now"
    assert {f"alpha {item['kind']} {item['address']}" for item in alpha["left"]} == set(left)
    town.settle()
    odd = changed({"alpha": fresh}, {"alpha": settled(town, "alpha")})
    assert not odd, odd


def _name(change: dict[str, str]) -> str:
    return f"{change['host']} {change['kind']} {change['address']}"


def apply_outside(town: Town, moment: Path, number: int) -> Done:
    """An apply in a process of its own, that gets a signal as soon as a file is there."""
    command = [sys.executable, str(ROOT / "netctl.py"), "apply", str(town.folder), "--lab", "--yes", "--format", "json"]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=pipe, stderr=pipe, text=True) as process:
        while not moment.exists() and process.poll() is None:
            os.sched_yield()
        process.send_signal(number)
        out, err = process.communicate()
    return Done(process.returncode, out, err)


def inside(town: Town, host: str, path: str) -> Path:
    """A file of a host, seen from here."""
    return Path(f"/proc/{record.find(town.folder).init(host)}/root{path}")


def test_a_workstation_that_dies_leaves_what_the_next_plan_shows(lab: Town, fresh: str) -> None:
    lab.destroy("--host", "alpha")
    done = apply_outside(lab, inside(lab, "alpha", "/sys/fs/bpf/netctl"), signal.SIGKILL)
    assert done.code == -signal.SIGKILL
    lab.on("alpha", "flock /run/netctl/lock true")  # the agent, alone now, ends what it has begun, or ends
    lab.changes()
    lab.settle()
    odd = changed({"alpha": fresh}, {"alpha": settled(lab, "alpha")})
    assert not odd, odd


def test_ctrl_c_ends_the_step_and_begins_no_other(town: Town) -> None:
    town.edit("attach: {netns: db-1}", "attach: {netns: database}")
    done = apply_outside(town, inside(town, "beta", "/run/netns/database"), signal.SIGINT)
    assert done.code == 130, done.out + done.err
    assert "Finishing the current step." in done.err
    (left,) = [host["left"] for host in json.loads(done.out)["hosts"] if host["host"] == "beta"]
    assert [f"beta {' '.join(item['actions'])} {item['kind']} {item['address']}" for item in left] == town.changes()
    assert left, "the old namespace goes in a later phase"
    town.settle()


def test_a_host_that_loses_power_on_the_way(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ssh_connect, "KEEPALIVE", 1)
    monkeypatch.setattr(ssh_connect, "SILENCE", 1.0)
    monkeypatch.setattr(session, "CONNECT", 2.0)
    town.destroy()
    made = inside(town, "beta", "/sys/fs/bpf/netctl")

    def pull_the_plug() -> None:
        while not made.exists():
            os.sched_yield()
        power.off(town.folder, "beta")

    plug = threading.Thread(target=pull_the_plug)
    plug.start()
    done = town.netctl("apply", "--yes", "--format", "json")
    plug.join()
    assert done.code == 3, done.out + done.err  # beta was reached, and may be half done
    assert [(host["host"], host["outcome"]) for host in done.json["hosts"]] == [
        ("alpha", "applied"),
        ("beta", "failed"),
    ]
    town.edit('[{port: "6379", protocol: TCP}]}]\n---', '[{port: "6380", protocol: TCP}]}]\n---', "policies.yaml")
    off = town.netctl("apply", "--yes", "--format", "json")
    assert off.code == 4
    assert [host["outcome"] for host in off.json["hosts"]] == ["applied", "unreachable"]
    status = town.netctl("status")
    assert status.code == 4
    assert "beta: unreachable" in status.out
    assert "1 in sync, 0 drifted, 1 unreachable." in status.out
    power.on(town.folder, "beta")
    planned = town.plan()
    assert {change["host"] for change in planned["changes"]} == {"beta"}
    assert {tuple(change["actions"]) for change in planned["changes"] if change["kind"] != "sysctl"} == {("create",)}
    town.settle()
    town.agrees()
