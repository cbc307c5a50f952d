"""What an agent costs its host: CPU time from the first byte of Python to its end, and with what it starts."""

from __future__ import annotations

import statistics
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path
from resource import RUSAGE_CHILDREN, getrusage

from cli import workflow
from inventory import requests
from inventory.lab import entry, record
from inventory.lab.record import Lab
from inventory.local import LocalChannel, LocalTransport
from inventory.session import Session
from schemas.loader import load_cluster
from state.kinds import KINDS
from state.plan import scope


class Console(LocalTransport):
    """A host of a lab, its commands begun as from the console: no SSH server's time is counted."""

    def __init__(self, lab: Lab, host: str) -> None:
        super().__init__(host)
        self._lab = lab

    def open(self, command: Sequence[str], deadline: float) -> LocalChannel:
        """Start the command on the host."""
        return super().open(["env", "-i", *_variables(), *entry.command(self._lab, self.name, command)], deadline)


def observation(folder: Path, host: str, runs: int) -> float:
    """Milliseconds of CPU that starting an agent and observing the host takes there; the median."""
    lab, cluster = record.find(folder), load_cluster(folder, require_host_keys=False)[0]

    def look() -> None:
        session = Session(Console(lab, host))
        try:
            requests.observe(session, scope(cluster, host), KINDS, lambda facts: workflow.bulk(cluster, host, facts))
        finally:
            session.close()

    def nothing() -> None:
        command = ["env", "-i", *_variables(), *entry.command(lab, host, ["/bin/true"])]
        subprocess.run(command, check=True, stdin=subprocess.DEVNULL)

    look()
    taken = [_spent(look) - _spent(nothing) for _ in range(runs)]
    return statistics.median(taken)


def _spent(work: Callable[[], object]) -> float:
    """Milliseconds of CPU of the processes that `work` started and that have ended."""
    before = getrusage(RUSAGE_CHILDREN)
    work()
    after = getrusage(RUSAGE_CHILDREN)
    return 1000 * (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)


def _variables() -> list[str]:
    return [f"{name}={value}" for name, value in entry.environment().items()]
