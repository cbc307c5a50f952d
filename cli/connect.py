"""WORKSTATION: from the manifest and the options to the hosts that a command speaks with."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from cli.workflow import Fleet
from state.cluster import Cluster


@contextmanager
def connect(folder: Path, cluster: Cluster, hosts: Sequence[str], labels: Sequence[str], lab: bool) -> Iterator[Fleet]:
    """The selected hosts, to be spoken with in parallel; with `lab`, those of the running lab of the same manifest."""
    raise NotImplementedError
    yield
