"""The control plane: `netctl plan` where nothing is to do, against the floor and against what people use instead.

All reach the same hosts of one lab over SSH and check the same things, in turns, so that what else this machine does
befalls all of them.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

from inventory.lab import entry, record
from tests.bench import agents, job, stopwatch, towns
from tests.bench.stopwatch import Taken
from tests.bench.table import Line, head, note, show

ROOT = towns.ROOT
PEERS = Path(__file__).parent / "peers"
VENV = ROOT / ".venv-bench"
PINNED = ("pyinfra==3.10.0", "ansible-core==2.19.14")
ROUNDS = {10: (7, 3, 2), 30: (5, 3, 1), 100: (5, 2, 1)}
"""Hosts: how often the floor and netctl, pyinfra, and Ansible run."""

SSH = "-o KexAlgorithms=curve25519-sha256 -C -o ControlMaster=auto -o ControlPersist=60s"
"""Ansible's own options for OpenSSH, and the key exchange that costs least."""

FLOOR, PYINFRA, ANSIBLE, CPU = 1.5, 4.0, 9.0, 8.0
START, MANY_ROUTES = 80.0, 200.0


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
            head(f"Control plane, {hosts} hosts: nothing to do (medians)")
            compare(folder, hosts)
            if place == 0:
                cost(folder)


def compare(folder: Path, hosts: int) -> None:
    """netctl and its peers on one lab."""
    found = job.jobs(folder)
    with tempfile.TemporaryDirectory(prefix="netctl-bench-") as scratch:
        target = Path(scratch) / "job.json"
        job.write(folder, found, target)
        taken = _in_turns(_contestants(folder, hosts, target), hosts)
    sizes = sorted(item.size for item in found.values())
    counts = ", ".join(f"{name} {len(runs)}" for name, runs in taken.items())
    note(f"{sizes[0]} to {sizes[-1]} things for peers to check on each host; runs: {counts}")
    wall = {name: statistics.median(item.wall for item in runs) for name, runs in taken.items()}
    cpu = {name: statistics.median(item.cpu for item in runs) for name, runs in taken.items()}
    goal = hosts >= 30
    show(Line("wall against the floor (paramiko pool, one script)", wall["netctl"], "s", "floor", wall["floor"], FLOOR))
    for name, least in (("pyinfra", PYINFRA), ("ansible", ANSIBLE)):
        show(Line(f"wall against {name}", wall["netctl"], "s", name, wall[name], at_least=least if goal else 1.0))
    show(Line("client CPU against the floor", cpu["netctl"], "s", "floor", cpu["floor"]))
    show(
        Line(
            "client CPU against pyinfra",
            cpu["netctl"],
            "s",
            "pyinfra",
            cpu["pyinfra"],
            at_least=CPU if hosts == 100 else 1.0,
        )
    )
    show(Line("client CPU against ansible", cpu["netctl"], "s", "ansible", cpu["ansible"], at_least=1.0))


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
    tools = VENV / "bin"
    pyinfra = [str(tools / "pyinfra"), "-y", str(PEERS / "pyinfra_inventory.py"), str(PEERS / "pyinfra_deploy.py")]
    ansible = [str(tools / "ansible-playbook"), "-i", str(PEERS / "ansible_inventory.py"), str(PEERS / "playbook.yaml")]
    floor = [sys.executable, "-m", "tests.bench.peers.floor", str(target)]
    return {
        "floor": lambda: stopwatch.run(entry.outside(lab, floor), environment),
        "netctl": lambda: stopwatch.run(towns.command("plan", folder, "--lab", "--detailed-exitcode")),
        "pyinfra": lambda: stopwatch.run(entry.outside(lab, pyinfra), environment),
        "ansible": lambda: stopwatch.run(entry.outside(lab, ansible), quiet),
    }


def _in_turns(contestants: Mapping[str, Callable[[], Taken]], hosts: int) -> dict[str, list[Taken]]:
    both, pyinfra, ansible = ROUNDS[hosts]
    rounds = {"floor": both, "netctl": both, "pyinfra": pyinfra, "ansible": ansible}
    taken: dict[str, list[Taken]] = {name: [] for name in contestants}
    for name in ("floor", "netctl"):
        contestants[name]()  # bytecode and pages are there from now on
    for number in range(both):
        for name, once in contestants.items():
            if number < rounds[name]:
                taken[name].append(once())
    return taken


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
