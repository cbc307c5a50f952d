"""The whole line on three hosts over real SSH: plan, apply, drift, status, refusals, destroy."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

from inventory.lab import power

ROOT = Path(__file__).parent.parent.parent
EXAMPLE = ROOT / "examples" / "three-hosts"

LOOK = """
for ns in "" $(ip netns list | cut -d' ' -f1); do
  in="${ns:+ip netns exec $ns}"
  for family in -4 -6; do
    $in ip $family -o address show; $in ip $family route show table all; $in ip $family rule show
  done
  $in ip -d -o link show; $in ip neighbour show nud permanent; $in tc qdisc show
done
sysctl -a --pattern 'forwarding|ip_forward|accept_ra$|rp_filter|accept_redirects' 2>/dev/null
cut -d' ' -f3- /proc/self/mountinfo | sort
find /sys/fs/bpf /run/netctl /var/lib/netctl /etc/netctl 2>/dev/null
nft list ruleset
"""


class Town:
    """Three hosts and their manifest."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def netctl(self, command: str, *words: str) -> subprocess.CompletedProcess[str]:
        """Run a command on the lab as a person does."""
        program = [sys.executable, str(ROOT / "netctl.py"), command, str(self.folder), *words]
        return subprocess.run(program, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)

    def on(self, host: str, script: str) -> str:
        """What a shell script on a host prints."""
        program = [sys.executable, str(ROOT / "netctl.py"), "lab", "exec", str(self.folder), host, "--", "bash", "-c"]
        return subprocess.run([*program, script], capture_output=True, text=True, check=False).stdout

    def changes(self) -> list[tuple[str, str]]:
        """What a plan would change: the host, and action, kind and address."""
        found = self.netctl("plan", "--lab", "--format", "json")
        assert found.returncode == 0, found.stderr
        changes: list[dict[str, Any]] = json.loads(found.stdout)["changes"]
        return [(item["host"], f"{' '.join(item['actions'])} {item['kind']} {item['address']}") for item in changes]


@pytest.fixture(scope="module")
def booted(tmp_path_factory: pytest.TempPathFactory) -> Generator[Town]:
    """The first example's hosts, with nothing of netctl's on them."""
    folder = tmp_path_factory.mktemp("end") / "shop"
    shutil.copytree(EXAMPLE, folder)
    town = Town(folder)
    try:
        found = subprocess.run([sys.executable, str(ROOT / "netctl.py"), "lab", "up", str(folder)], check=False)
        assert found.returncode == 0
        yield town
    finally:
        power.down(folder)


@pytest.fixture
def town(booted: Town) -> Town:
    """The hosts as the manifest wants them."""
    found = booted.netctl("apply", "--lab", "--yes")
    assert found.returncode == 0, found.stdout + found.stderr
    return booted


def test_apply_then_plan_is_empty_and_destroy_leaves_nothing(booted: Town) -> None:
    assert booted.netctl("destroy", "--lab", "--yes").returncode == 0
    before = {host: booted.on(host, LOOK) for host in ("alpha", "beta", "gamma")}
    planned = booted.netctl("plan", "--lab", "--detailed-exitcode")
    assert planned.returncode == 2, planned.stderr
    applied = booted.netctl("apply", "--lab", "--yes")
    assert applied.returncode == 0, applied.stdout + applied.stderr
    again = booted.netctl("plan", "--lab", "--detailed-exitcode")
    assert again.returncode == 0, again.stdout
    assert "No changes. Every host is what the manifest says." in again.stdout
    assert "3 in sync, 0 drifted, 0 unreachable." in booted.netctl("status", "--lab").stdout
    destroyed = booted.netctl("destroy", "--lab", "--yes")
    assert destroyed.returncode == 0, destroyed.stdout + destroyed.stderr
    assert {host: booted.on(host, LOOK) for host in before} == before


DRIFT = {
    "a deleted route": ("ip route del 10.42.72.0/24", "create route 10.42.72.0/24"),
    "a changed MTU": ("ip link set nc-overlay mtu 1300", "update device nc-overlay"),
    "a device that is down": ("ip link set nc-0ec9 down", "update link nc-0ec9"),
    "forwarding switched off": ("sysctl -w net.ipv4.ip_forward=0", "update sysctl net.ipv4.ip_forward"),
    "a deleted device": ("ip link del nc-0ec9", "create device nc-0ec9"),
    "removed pins": ("rm -r /sys/fs/bpf/netctl", "create map verdicts"),
}


@pytest.mark.parametrize("name", DRIFT)
def test_drift_is_seen_and_repaired(town: Town, name: str) -> None:
    script, expected = DRIFT[name]
    town.on("alpha", script)
    changes = town.changes()
    assert ("alpha", expected) in changes
    assert [item for item in changes if item[0] != "alpha"] == []
    assert "1 drifted" in town.netctl("status", "--lab").stdout
    repaired = town.netctl("apply", "--lab", "--yes")
    assert repaired.returncode == 0, repaired.stdout + repaired.stderr
    assert town.changes() == []


def test_with_netctl_s_files_deleted_the_plan_is_still_empty(town: Town) -> None:
    for host in ("alpha", "beta", "gamma"):
        kept = town.on(
            host, "cp /var/lib/netctl/originals.json /root/kept; rm -rf /var/lib/netctl /run/netctl; echo ok"
        )
        assert kept == "ok\n"
    assert town.changes() == []
    for host in ("alpha", "beta", "gamma"):
        town.on(host, "mkdir -p /var/lib/netctl; mv /root/kept /var/lib/netctl/originals.json")


def test_a_saved_plan_is_refused_on_the_host_that_moved(town: Town, tmp_path: Path) -> None:
    saved = tmp_path / "plan.json"
    town.on("alpha", "ip link set nc-overlay mtu 1300")
    town.on("beta", "ip link set nc-overlay mtu 1300")
    assert town.netctl("plan", "--lab", "--out", str(saved)).returncode == 0
    town.on("alpha", "ip link set nc-overlay mtu 1290")
    program = [sys.executable, str(ROOT / "netctl.py"), "apply", str(saved), "--lab", "--yes"]
    found = subprocess.run(program, capture_output=True, text=True, check=False)
    assert found.returncode == 6, found.stdout + found.stderr
    assert "alpha: refused, nothing was changed" in found.stdout
    assert "beta: applied" in found.stdout


def test_a_host_that_somebody_else_is_changing_is_left_alone(town: Town) -> None:
    town.on("beta", "ip link set nc-overlay mtu 1300")
    script = "mkdir -p /run/netctl; exec flock /run/netctl/lock bash -c 'echo held; read'"
    program = [
        sys.executable,
        str(ROOT / "netctl.py"),
        "lab",
        "exec",
        str(town.folder),
        "beta",
        "--",
        "bash",
        "-c",
        script,
    ]
    with subprocess.Popen(program, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        found = town.netctl("apply", "--lab", "--yes")
        assert found.returncode == 7, found.stdout + found.stderr
        assert "beta: refused" in found.stdout
        holder.communicate("\n")


def test_a_host_without_power_hides_no_other(town: Town) -> None:
    town.on("alpha", "ip link set nc-overlay mtu 1300")
    power.off(town.folder, "gamma")
    try:
        found = town.netctl("apply", "--lab", "--yes")
        assert found.returncode == 4, found.stdout + found.stderr
        assert "alpha: applied" in found.stdout
        assert "gamma: unreachable" in found.stdout
    finally:
        power.on(town.folder, "gamma")
    back = town.netctl("apply", "--lab", "--yes")
    assert back.returncode == 0, back.stdout + back.stderr
    assert town.changes() == []
