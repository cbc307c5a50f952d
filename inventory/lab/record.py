"""WORKSTATION: what is written down of a lab: its wiring and its keys. Whether something runs is asked of the kernel.

A lab's folder is /run/netctl-lab/NAME; NAME is the cluster's name and a digest of the manifest's absolute path, so
that the labs of two checkouts, or of two manifests with one cluster name, do not meet.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import shutil
from collections.abc import Generator, Mapping
from dataclasses import dataclass
from pathlib import Path

from inventory.lab import cgroup
from inventory.lab.wiring import WORLD, Machine, Wiring
from state import wire
from state.problem import NetctlError, Problem

BASE = Path("/run/netctl-lab")
NOT_ROOT = Problem("the lab needs root", "It makes network namespaces and mounts. Run netctl with sudo.")


@dataclass(frozen=True)
class Lab:
    """A lab as it was made: `folder` is the manifest's absolute path, `host_keys` are public, `TYPE BASE64`."""

    name: str
    folder: str
    wiring: Wiring
    host_keys: Mapping[str, str]

    @property
    def home(self) -> Path:
        """Where the lab's own files are."""
        return BASE / self.name

    @property
    def identity(self) -> Path:
        """The private key that logs in to every host of the lab."""
        return self.home / "identity"

    @property
    def ssh_config(self) -> Path:
        """What OpenSSH needs to know to reach the hosts by name, from within the world's network namespace."""
        return self.home / "ssh_config"

    @property
    def machines(self) -> list[Machine]:
        """The hosts in name order, and the world."""
        return [*(machine for _, machine in sorted(self.wiring.hosts.items())), self.wiring.world]

    def init(self, machine: str) -> int:
        """The process id of a machine's init, or 0 when it is off: also when its boot was cut short."""
        process = cgroup.init(cgroup.of_machine(self.name, machine))
        mark = self.home / "booted" / machine
        return process if process and mark.exists() and mark.read_text() == str(process) else 0

    def booted(self, machine: str) -> None:
        """Write down that a machine has booted to its end."""
        (self.home / "booted").mkdir(exist_ok=True)
        (self.home / "booted" / machine).write_text(str(cgroup.init(cgroup.of_machine(self.name, machine))))

    def anchor(self) -> int:
        """The process id of the lab's first process, or 0 when the lab has died."""
        return cgroup.init(cgroup.of_lab(self.name))

    def world(self) -> int:
        """The process id of the world's init. Raises NetctlError where there is none."""
        if process := self.init(WORLD):
            return process
        raise _not_up(self.folder, f"The lab {self.name} was made and has died.")

    def save(self) -> None:
        """Write the record: whole, or not at all."""
        fresh = self.home / "lab.json.new"
        fresh.write_text(json.dumps(wire.dump(self), indent=1))
        fresh.rename(self.home / "lab.json")


def name_of(cluster: str, folder: Path) -> str:
    """The name of the lab of a manifest."""
    return f"{cluster}-{_digest(folder)}"


def names() -> list[str]:
    """The names of all labs there are, also of those of which only rubble is left."""
    recorded = [path.name for path in BASE.iterdir() if path.is_dir()] if BASE.is_dir() else []
    return sorted({*recorded, *cgroup.labs()})


def named(place: str) -> list[str]:
    """The labs that a person means by a manifest's folder, or by a lab's name."""
    return [name for name in names() if name == place or name.endswith(f"-{_digest(Path(place))}")]


def read(name: str) -> Lab | None:
    """The record of a lab, or None where there is none that can be read."""
    _must_be_root()
    try:
        return wire.load(Lab, json.loads((BASE / name / "lab.json").read_text()))
    except (FileNotFoundError, ValueError):
        return None


def find(folder: str | os.PathLike[str]) -> Lab:
    """The lab of a manifest's folder. Raises NetctlError where there is none."""
    for name in named(os.fspath(folder)):
        if lab := read(name):
            return lab
    raise _not_up(os.fspath(folder), "No lab of this folder is up.")


@contextlib.contextmanager
def locked(name: str) -> Generator[Path]:
    """Be the only one who changes this lab, and give its folder, which is made if it is missing."""
    _must_be_root()
    home = BASE / name
    while True:
        home.mkdir(0o700, parents=True, exist_ok=True)
        with contextlib.suppress(FileNotFoundError):
            handle = os.open(home, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            fcntl.flock(handle, fcntl.LOCK_EX)
            if _same(handle, home):
                break
            os.close(handle)
    try:
        yield home
    finally:
        os.close(handle)


def forget(name: str) -> None:
    """Remove what is written down of a lab."""
    shutil.rmtree(BASE / name, ignore_errors=True)
    with contextlib.suppress(OSError):  # others are there
        BASE.rmdir()


def _same(handle: int, path: Path) -> bool:
    """Whether the folder we locked is still the one of that name: another may have removed it while we waited."""
    return path.exists() and os.fstat(handle).st_ino == path.stat().st_ino


def _must_be_root() -> None:
    if os.geteuid():
        raise NetctlError(NOT_ROOT)


def _digest(folder: Path) -> str:
    return hashlib.sha256(str(folder.resolve()).encode()).hexdigest()[:6]


def _not_up(folder: str, why: str) -> NetctlError:
    return NetctlError.of("the lab is not up", f"{why} Boot it: netctl lab up {folder}", f"lab {folder}")
