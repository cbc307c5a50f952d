"""The control plane: `netctl plan` where nothing is to do, against the floor and against what people use instead.

All reach the same hosts of one lab over SSH and check the same things, in turns, so that what else this machine does
befalls all of them.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from inventory.lab import cgroup, entry, record
from inventory.lab.record import Lab
from tests.bench import agents, job, stopwatch, towns
from tests.bench.stopwatch import Taken
from tests.bench.table import Line, head, note, show

ROOT = towns.ROOT
PEERS = Path(__file__).parent / "peers"
VENV = ROOT / ".venv-bench"
PINNED = ("pyinfra==3.10.0", "ansible-core==2.19.14")
ROUNDS = {10: (5, 2), 30: (5, 1), 100: (3, 1)}
"""Hosts: how often the floor and netctl run, and how often the others."""
FORGETFUL = "netctl, nothing kept"
"""netctl on a workstation, and on hosts, that have kept nothing of an earlier plan."""
QUICK = ("floor", "netctl", FORGETFUL)
SETTLE = 0.3
"""Seconds in which the SSH servers of a run end."""

SSH = "-o KexAlgorithms=curve25519-sha256 -C -o ControlMaster=auto -o ControlPersist=60s"
"""Ansible's own options for OpenSSH, and the key exchange that costs least."""

FLOOR, PYINFRA, ANSIBLE, CPU = 1.5, 4.0, 9.0, 8.0
START, MANY_ROUTES = 80.0, 200.0


@dataclass(frozen=True)
class Run:
    """Seconds: by the clock, of CPU on this side, and of CPU on the hosts."""

    wall: float
    cpu: float
    hosts: float


def install() -> None:
    """The peers, in an environment of their own."""
    mark = VENV / f"installed-{'-'.join(PINNED)}"
    if mark.exists():
        return
    print("installing the peers in .venv-bench", file=sys.stderr)
    subprocess.run([sys.executable, "-m", "venv", "--clear", str(VENV)], check=True)
    subprocess.run([str(VENV / "bin" / "python"), "-m", "pip", "install", "-q", *PINNED], check=True)
    mark.touch()


def run(sizes: tuple[int, ...]) -> None:
    """Measure and print, for labs of so many hosts."""
    install()
    for place, hosts in enumerate(sizes):
        with towns.town(hosts) as folder:
            head(f"Control plane: `plan` with nothing to do on {hosts} hosts (medians)")
            compare(folder, hosts)
            if place == 0:
                cost(folder)


def compare(folder: Path, hosts: int) -> None:
    """netctl and its peers on one lab."""
    found = job.jobs(folder)
    with tempfile.TemporaryDirectory(prefix="netctl-bench-") as scratch:
        target = Path(scratch) / "job.json"
        job.write(folder, found, target)
        runs = _in_turns(_contestants(folder, hosts, target), record.find(folder), hosts, Path(scratch))
    sizes = sorted(item.size for item in found.values())
    counts = ", ".join(f"{name} {len(taken)}" for name, taken in runs.items())
    some = sum(job.SOME.values())
    note(f"{sizes[-1]} things to check on each host, one by one {some} of them (sparing: all at once); runs: {counts}")
    wall = {name: statistics.median(run.wall for run in taken) for name, taken in runs.items()}
    cpu = {name: statistics.median(run.cpu for run in taken) for name, taken in runs.items()}
    both = {name: statistics.median(run.cpu + run.hosts for run in taken) for name, taken in runs.items()}
    show(Line("wall", wall["netctl"], "s", "floor", wall["floor"], at_most=FLOOR))
    show(Line("wall, nothing kept", wall[FORGETFUL], "s", "floor", wall["floor"]))
    for name, least in (
        ("pyinfra", PYINFRA),
        ("pyinfra, sparing", None),
        ("ansible", ANSIBLE),
        ("ansible, sparing", None),
    ):
        if name in wall:
            show(Line("wall", wall["netctl"], "s", name, wall[name], at_least=least if hosts >= 30 else None))
    show(Line("client CPU", cpu["netctl"], "s", "floor", cpu["floor"]))
    for name, least in (("pyinfra", CPU), ("pyinfra, sparing", None), ("ansible", None), ("ansible, sparing", None)):
        if name in cpu:
            show(Line("client CPU", cpu["netctl"], "s", name, cpu[name], at_least=least if hosts == 100 else None))
    show(Line("client and hosts' CPU together", both["netctl"], "s", "floor", both["floor"]))


def _contestants(folder: Path, hosts: int, target: Path) -> Mapping[str, Callable[[], Taken]]:
    lab = record.find(folder)
    environment = {"NETCTL_BENCH_JOB": str(target), "PYTHONPATH": str(ROOT)}
    quiet = {
        **environment,
        "ANSIBLE_PIPELINING": "1",
        "ANSIBLE_FORKS": str(hosts),
        "ANSIBLE_HOST_KEY_CHECKING": "0",
        "ANSIBLE_FILTER_PLUGINS": str(PEERS / "filter_plugins"),
        "ANSIBLE_PYTHON_INTERPRETER": "/usr/bin/python3",
        "ANSIBLE_SSH_ARGS": f"-F {lab.ssh_config} {SSH}",
        "ANSIBLE_SSH_CONTROL_PATH_DIR": str(target.parent / "control"),
        "ANSIBLE_LOCAL_TEMP": str(target.parent / "ansible"),
        "ANSIBLE_HOME": str(target.parent / "ansible"),
        "LC_ALL": "C.UTF-8",
    }
    sparing = {**environment, "NETCTL_BENCH_SPARING": "1"}
    tools = VENV / "bin"
    pyinfra = [str(tools / "pyinfra"), "-y", str(PEERS / "pyinfra_inventory.py"), str(PEERS / "pyinfra_deploy.py")]
    ansible = [str(tools / "ansible-playbook"), "-i", str(PEERS / "ansible_inventory.py")]
    loops, none = ([*ansible, str(PEERS / name)] for name in ("playbook.yaml", "sparing.yaml"))
    floor = [sys.executable, "-m", "tests.bench.peers.floor", str(target)]
    return {
        "floor": lambda: stopwatch.run(entry.outside(lab, floor), environment),
        "netctl": lambda: stopwatch.run(towns.command("plan", folder, "--lab", "--detailed-exitcode")),
        FORGETFUL: lambda: stopwatch.run(
            towns.command("plan", folder, "--lab", "--detailed-exitcode"), {"XDG_CACHE_HOME": str(target.parent)}
        ),
        "pyinfra": lambda: stopwatch.run(entry.outside(lab, pyinfra), environment),
        "pyinfra, sparing": lambda: stopwatch.run(entry.outside(lab, pyinfra), sparing),
        "ansible": lambda: stopwatch.run(entry.outside(lab, loops), quiet),
        "ansible, sparing": lambda: stopwatch.run(entry.outside(lab, none), {**quiet, **sparing}),
    }


def _in_turns(
    contestants: Mapping[str, Callable[[], Taken]], lab: Lab, hosts: int, scratch: Path
) -> dict[str, list[Run]]:
    often, seldom = ROUNDS[hosts]
    taken: dict[str, list[Run]] = {name: [] for name in contestants}
    for name in QUICK:
        contestants[name]()  # bytecode and pages are there from now on
    for number in range(often):
        for name, once in contestants.items():
            if number < (often if name in QUICK else seldom):
                if name == FORGETFUL:
                    _forget(lab, scratch)
                before = _used(lab)
                spent = once()
                time.sleep(SETTLE)
                taken[name].append(Run(spent.wall, spent.cpu, _used(lab) - before))
    return taken


def _forget(lab: Lab, scratch: Path) -> None:
    """Take away what hosts and this side have kept of earlier plans; the agent's archive stays."""
    for path in scratch.glob("netctl/*"):
        if not path.name.startswith("agent-"):
            path.unlink()
    for host in lab.wiring.hosts:
        kept = ["sh", "-c", "rm -f /run/netctl/look /run/netctl/*.json"]
        subprocess.run(entry.command(lab, host, kept), check=True, stdin=subprocess.DEVNULL)


def _used(lab: Lab) -> float:
    """Seconds of CPU that all of a lab has used so far."""
    text = (cgroup.of_lab(lab.name) / "cpu.stat").read_text()
    return int(text.split()[1]) / 1e6


def cost(folder: Path, runs: int = 11) -> None:
    """What an agent costs its host, with few objects and with many."""
    host = "h001"
    show(
        Line("agent: start and observe, few objects (CPU)", agents.observation(folder, host, runs), "ms", at_most=START)
    )
    lines = "\n".join(
        f"route add 10.{200 + (n >> 14)}.{n >> 6 & 255}.{(n & 63) << 2}/30 dev nc-overlay proto static"
        for n in range(10_000)
    )
    entry.run(folder, host, ["ip", "-batch", "-"], stdin=lines)
    some = agents.observation(folder, host, runs)
    show(Line("agent: start and observe, 10,000 routes (CPU)", some, "ms", at_most=MANY_ROUTES))
    entry.run(folder, host, ["ip", "route", "flush", "proto", "static", "dev", "nc-overlay"])
