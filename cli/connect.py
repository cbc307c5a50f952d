"""WORKSTATION: from the manifest and the options to the hosts that a command speaks with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from inventory.fleet import Fleet
from inventory.selection import select
from inventory.target import Target
from state.cluster import Cluster
from state.problem import NetctlError


def connect(folder: Path, cluster: Cluster, hosts: Sequence[str], labels: Sequence[str], lab: bool) -> Fleet:
    """The selected hosts; with `lab`, those of the running lab of the same manifest. Use it as a context manager."""
    chosen = select({name: host.labels for name, host in cluster.hosts.items()}, hosts, labels)
    targets = _lab(folder) if lab else _real(cluster)
    if absent := [name for name in chosen if name not in targets]:
        raise NetctlError.of(
            f"the lab has no host {', '.join(absent)}",
            f"The manifest did not have it when the lab was booted. Boot it: netctl lab up {folder}",
            f"lab {folder}",
        )
    return Fleet(targets[name] for name in chosen)


def _real(cluster: Cluster) -> Mapping[str, Target]:
    return {
        name: Target(name, host.address, host.ssh.port, host.ssh.user, host.ssh.host_key)
        for name, host in cluster.hosts.items()
    }


def _lab(folder: Path) -> Mapping[str, Target]:
    from inventory.lab.entry import reach

    return reach(folder)
