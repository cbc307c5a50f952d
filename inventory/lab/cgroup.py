"""WORKSTATION: the lab's processes, as the kernel keeps them: every process of a lab is in the lab's cgroup.

Nothing is remembered by process id. Who belongs to a lab is read from its cgroup, and ending them is one write there,
so that a recycled id is never killed and a crash loses nobody.
"""

from __future__ import annotations

import contextlib
import os
import select
import time
from collections.abc import Iterator
from pathlib import Path

from state.problem import NetctlError

PREFIX = "netctl-lab-"
PATIENCE = 20.0
"""Seconds to wait for killed processes to be gone: the kernel needs milliseconds, a loaded machine more."""


def root() -> Path:
    """Where cgroup v2 is mounted."""
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        mount, _, kind = line.partition(" - ")
        if kind.startswith("cgroup2 "):
            return Path(mount.split()[4])
    raise NetctlError.of(
        "cgroup v2 is not mounted",
        "The lab keeps each host in a cgroup of its own. Mount it: mount -t cgroup2 none /sys/fs/cgroup",
    )


def of_lab(name: str) -> Path:
    """The cgroup of a lab."""
    return root() / (PREFIX + name)


def of_machine(lab: str, machine: str) -> Path:
    """The cgroup of one machine of a lab."""
    return of_lab(lab) / f"host-{machine}"


def labs() -> list[str]:
    """The names of the labs that have a cgroup."""
    return sorted(path.name[len(PREFIX) :] for path in root().glob(PREFIX + "*"))


def init(group: Path) -> int:
    """The process id of the init of a machine or of a lab, or 0 where it does not run.

    It is the process that is number 1 in the outermost process namespace of those in the cgroup.
    """
    found = sorted((len(ids), ids[0]) for ids in _namespace_ids(group) if ids[-1] == 1)
    return found[0][1] if found else 0


def _namespace_ids(group: Path) -> Iterator[list[int]]:
    """For each process of a cgroup its ids, from our own process namespace inwards."""
    for number in processes(group):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            for line in Path(f"/proc/{number}/status").read_text().splitlines():
                if line.startswith("State:") and line.split()[1] in "ZX":
                    break
                if line.startswith("NSpid:"):
                    yield [int(word) for word in line.split()[1:]]


def processes(group: Path) -> list[int]:
    """The ids of the processes in a cgroup, without those in cgroups below it."""
    try:
        return [int(line) for line in (group / "cgroup.procs").read_text().split()]
    except OSError:  # no such cgroup, or it went while being read
        return []


def end(group: Path) -> None:
    """Kill every process in a cgroup and below it, wait until they are gone, remove the cgroup. Absent is success."""
    if not group.is_dir():
        return
    try:
        (group / "cgroup.kill").write_text("1")
        wait_until_empty(group)
    except FileNotFoundError:
        if group.is_dir():
            raise NetctlError.of(
                "this kernel cannot kill a cgroup", "The lab needs Linux 5.14 or newer; netctl's hosts need 6.1."
            ) from None
    _remove(group)


def wait_until_empty(group: Path) -> None:
    """Wait until no process is left in a cgroup or below it."""
    deadline = time.monotonic() + PATIENCE
    with (group / "cgroup.events").open() as events:
        poll = select.poll()
        poll.register(events, select.POLLPRI)
        while "populated 1" in events.read():
            if time.monotonic() > deadline:
                raise NetctlError.of(
                    f"processes of {group.name} do not die",
                    f"They were killed {PATIENCE:.0f} seconds ago and are still in {group}/cgroup.procs.",
                )
            poll.poll(1000)
            events.seek(0)


def _remove(group: Path) -> None:
    """Remove a cgroup and all below it. The kernel may need a moment after the last process has gone."""
    deadline = time.monotonic() + PATIENCE
    while group.is_dir():
        for folder, _, _ in os.walk(group, topdown=False):
            with contextlib.suppress(OSError):
                Path(folder).rmdir()
        if time.monotonic() > deadline:
            raise NetctlError.of(f"cannot remove the cgroup {group}", "Remove what was mounted or attached to it.")
        time.sleep(0.001)
