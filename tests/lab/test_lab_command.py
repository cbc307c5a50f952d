"""`netctl lab` as a person types it. Needs root."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from inventory.lab import run
from tests.lab.conftest import ROOT, Running


def test_the_lab_from_up_to_down(shop: Path, netctl: Running) -> None:
    first = netctl("lab", "up", str(shop))
    assert (first.returncode, [line.split()[2:] for line in first.stdout.splitlines()]) == (0, [["booted"]] * 3)
    again = netctl("lab", "up", str(shop))
    assert [line.split(maxsplit=2)[2] for line in again.stdout.splitlines()] == ["was up already"] * 3
    netctl("lab", "power", str(shop), "beta", "off")
    listed = json.loads(netctl("lab", "list", "--format", "json").stdout)
    (lab,) = [item for item in listed["labs"] if item["folder"] == str(shop)]
    assert lab["state"] == "up"
    assert {host["name"]: host["state"] for host in lab["hosts"]} == {"alpha": "up", "beta": "off", "gamma": "up"}
    assert lab["hosts"][0]["addresses"] == ["203.0.113.11/24", "2001:db8::11/64"]
    assert "  beta                 off" in netctl("lab", "list").stdout
    assert netctl("lab", "down", str(shop)).stdout == f"removed {lab['name']}\n"
    assert lab["name"] not in netctl("lab", "list").stdout
    assert netctl("lab", "down", str(shop)).returncode == 0


def test_a_host_that_came_to_the_manifest_after_the_lab_was_booted_is_named(shop: Path, netctl: Running) -> None:
    netctl("lab", "up", str(shop))
    manifest = shop / "netctl.yaml"
    manifest.write_text(manifest.read_text().replace("hosts:\n", "hosts:\n  delta: {address: 203.0.113.14}\n", 1))
    netctl("lock", str(shop))
    done = netctl("plan", str(shop), "--lab")
    assert (done.returncode, done.stdout) == (1, "")
    assert "the lab has no host delta" in done.stderr
    assert f"Boot it: netctl lab up {shop}" in " ".join(done.stderr.replace("│", " ").split())


def test_exec_passes_everything_through(shop: Path, netctl: Running) -> None:
    netctl("lab", "up", str(shop))
    cases: list[tuple[list[str], str, tuple[int, str, str]]] = [
        (["--", "printf", "%s|", "a b", "--format", "$HOME", ""], "", (0, "a b|--format|$HOME||", "")),
        (["cat", "-"], "in\nout", (0, "in\nout", "")),
        (["--", "sh", "-c", "echo lost >&2; exit 7"], "", (7, "", "lost\n")),
        (["--", "sh", "-c", "kill -KILL $$"], "", (-9, "", "")),
        (["no-such-program"], "", (127, "", "nsenter: failed to execute no-such-program: No such file or directory\n")),
    ]
    for words, stdin, expected in cases:
        done = netctl("lab", "exec", str(shop), "alpha", *words, stdin=stdin)
        assert (done.returncode, done.stdout, done.stderr) == expected


def test_exec_enters_an_endpoint_where_its_manifest_says(shop: Path, netctl: Running) -> None:
    netctl("lab", "up", str(shop))
    early = netctl("lab", "exec", str(shop), "shop/web-2", "true")
    assert (early.returncode, "beta has no network namespace web-2 yet" in early.stderr) == (1, True)
    run(shop, "beta", ["ip", "netns", "add", "web-2"])
    inside = netctl("lab", "exec", str(shop), "shop/web-2", "ls", "/sys/class/net")
    assert (inside.returncode, inside.stdout) == (0, "lo\n")
    unknown = netctl("lab", "exec", str(shop), "shop/web-9", "true")
    assert (unknown.returncode, "the manifest has no endpoint shop/web-9" in unknown.stderr) == (64, True)


def test_ssh_logs_in_and_passes_arguments_whole(shop: Path, netctl: Running) -> None:
    netctl("lab", "up", str(shop))
    done = netctl("lab", "ssh", str(shop), "gamma", "--", "sh", "-c", 'echo "$0" `hostname`; exit 5', "a b")
    assert (done.returncode, done.stdout) == (5, "a b gamma\n")
    assert netctl("lab", "ssh", str(shop), "gamma", "uname -n; id -un").stdout == "gamma\nroot\n"


def test_a_lab_that_is_not_up_says_how_to_boot_it(shop: Path, netctl: Running) -> None:
    for words in (
        ["exec", str(shop), "alpha", "true"],
        ["power", str(shop), "alpha", "off"],
        ["ssh", str(shop), "alpha"],
    ):
        done = netctl("lab", *words)
        assert done.returncode == 1
        assert "the lab is not up" in done.stderr
        assert f"netctl lab up {shop}" in " ".join(done.stderr.replace("│", "").split())


def test_an_unknown_host_is_named_with_those_there_are(shop: Path, netctl: Running) -> None:
    netctl("lab", "up", str(shop))
    done = netctl("lab", "power", str(shop), "delta", "off")
    assert done.returncode == 64
    assert "the lab has no host delta" in done.stderr
    assert "It has: alpha, beta, gamma." in done.stderr


TRACES = """
import contextlib, json, os, subprocess, sys, threading
from pathlib import Path
from inventory.lab import cgroup, down, power, record, reach, run, up
from tests.lab.towns import street

def everything():
    processes = sorted(entry for entry in os.listdir("/proc") if entry.isdigit() and int(entry) != os.getpid())
    kinds = os.listdir("/proc/self/ns")
    namespaces = {os.readlink(f"/proc/{process}/ns/{kind}") for process in [*processes, "self"] for kind in kinds}
    return {
        "processes": processes,
        "namespaces": sorted(namespaces),
        "mounts": Path("/proc/self/mountinfo").read_text(),
        "devices": sorted(os.listdir("/sys/class/net")),
        "cgroups": [name for name in cgroup.labs() if name.startswith("traces-")],
        "files": [name for name in record.names() if name.startswith("traces-")],
        "persistent": [str(p) for p in map(Path, ("/etc/netctl", "/var/lib/netctl")) if p.exists()],
        "threads": threading.active_count(),
        "descriptors": len(os.listdir("/proc/self/fd")),
    }

import dataclasses
town = dataclasses.replace(street(3), name="traces")
before = everything()
up(sys.argv[1], town)
reach(sys.argv[1])["h1"].connect(10).close()
during = everything()
run(sys.argv[1], "h2", ["sh", "-c", "ip netns add x; mkdir -p /etc/netctl; exec setsid sleep 600 >/dev/null 2>&1 &"])
power.reboot(sys.argv[1], "h3")
down(sys.argv[1])
with contextlib.suppress(ChildProcessError):  # we are number 1 here: orphans are ours to bury
    while os.waitpid(-1, 0): pass
print(json.dumps([before, during, everything()]))
"""


def test_nothing_remains_and_this_machine_is_not_touched(folder: Path) -> None:
    private = ["unshare", "--net", "--pid", "--mount", "--fork", "--mount-proc", "--kill-child"]
    done = subprocess.run(
        [*private, sys.executable, "-c", TRACES, str(folder)],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
        env={"PYTHONPATH": str(ROOT), "PATH": "/usr/sbin:/usr/bin:/sbin:/bin"},
    )
    assert done.stderr == ""
    before, during, after = json.loads(done.stdout)
    assert after == before
    assert len(during["processes"]) > len(before["processes"])
    for untouched in ("mounts", "devices", "persistent", "threads", "descriptors"):
        assert during[untouched] == before[untouched]
