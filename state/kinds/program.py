"""BOTH SIDES: the programs of the datapath, loaded with the host's configuration, shared by all devices."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bpf.layout import Mode
from state.change import Change, Found, Wanted
from state.cluster import Cluster
from state.facts import Facts, Scope
from state.kernel import Kernel
from state.kernel_bpf import Program, program_digest
from state.kinds.kind import Kind
from state.problem import Problem

MODES = {"overlay": Mode.MODE_OVERLAY, "native": Mode.MODE_NATIVE}


def config(cluster: Cluster, facts: Facts) -> dict[str, int]:
    """The switches of a host's programs, set before they are loaded."""
    return {
        "ipv4_enabled": int(cluster.ranges.ipv4 is not None),
        "ipv6_enabled": int(cluster.ranges.ipv6 is not None),
        "network_mode": int(MODES[cluster.network.mode]),
        "ticks_per_second": facts.ticks,
    }


def objects(cluster: Cluster) -> tuple[str, ...]:
    """The objects a host of this cluster needs."""
    return ("endpoint", "overlay", "uplink") if cluster.network.mode == "overlay" else ("endpoint", "uplink")


def digest(name: str, cluster: Cluster, facts: Facts) -> str:
    """What the object is pinned under on a host."""
    return program_digest(facts.objects.get(name, ""), config(cluster, facts))


class Programs(Kind[Program]):
    """Loaded objects. One is right when its digest and the read-only data in the kernel both are."""

    name = "program"
    value = Program

    def desired(self, cluster: Cluster, host: str, facts: Facts) -> Mapping[str, Wanted[Program]]:
        """Every object the mode needs, with the host's configuration."""
        source = cluster.hosts[host].source
        return {
            name: Wanted(Program(digest(name, cluster, facts), config(cluster, facts)), source)
            for name in objects(cluster)
        }

    def notices(self, cluster: Cluster, host: str, facts: Facts) -> Sequence[Problem]:
        """Without a compiler in the kernel all is right, and slow."""
        if facts.features.jit:
            return ()
        summary = "the kernel does not compile BPF programs: every packet costs several times more"
        detail = "Where it has the setting, `sysctl net.core.bpf_jit_enable=1` changes that."
        return (Problem(summary, detail, f"host {host}", severity="warning"),)

    def observe(self, kernel: Kernel, scope: Scope) -> Mapping[str, Found[Program]]:
        """Every pinned object."""
        return {address: Found(item) for address, item in kernel.bpf.programs().items()}

    def apply(self, kernel: Kernel, changes: Sequence[Change]) -> None:
        """Load or unpin objects. What is attached stays attached until `attachment` replaces it."""
        for change in changes:
            if isinstance(change.after, Program):
                kernel.bpf.load_program(change.address, change.after)
            else:
                kernel.bpf.delete_program(change.address)
