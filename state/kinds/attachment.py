"""BOTH SIDES: which program runs at which hook of which device, and that nobody else's runs before it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from state import naming
from state.change import Change, Found, Wanted
from state.cluster import Cluster
from state.facts import Facts, Scope
from state.kernel import Kernel
from state.kernel_bpf import Attachment
from state.kinds import program
from state.kinds.kind import Kind
from state.placement import placed
from state.problem import Problem, Source

HOOKS = {
    "endpoint": {"ingress": "from_endpoint", "egress": "to_endpoint"},
    "overlay": {"ingress": "from_overlay", "egress": "to_overlay"},
    "uplink": {"ingress": "from_uplink", "egress": "to_uplink"},
}
"""The function of each object for each direction, as seen by the device."""


class Attachments(Kind[Attachment]):
    """Programs at the hooks of devices, by `DEVICE DIRECTION`. Replaced in one step, without a lost packet."""

    name = "attachment"
    value = Attachment
    fixed = frozenset({"by"})

    def desired(self, cluster: Cluster, host: str, facts: Facts) -> Mapping[str, Wanted[Attachment]]:
        """Both directions of each endpoint's device, of the tunnel, and of the uplink."""
        by = "tcx" if facts.features.tcx else "clsact"
        digests = {name: program.digest(name, cluster, facts) for name in program.objects(cluster)}
        return {
            f"{device} {direction}": Wanted(Attachment(f"{name}/{function}", digests[name], by), source)
            for name, device, source in _places(cluster, host, facts)
            for direction, function in HOOKS[name].items()
        }

    def notices(self, cluster: Cluster, host: str, facts: Facts) -> Sequence[Problem]:
        """An older kernel's way to attach does the same; anybody with a hand on the device's filters can undo it."""
        if facts.features.tcx:
            return ()
        summary = "the kernel has no tcx (6.6 and newer have): programs are attached by clsact"
        return (Problem(summary, "", f"host {host}", severity="note"),)

    def observe(self, kernel: Kernel, scope: Scope) -> Mapping[str, Found[Attachment]]:
        """Whatever runs at a hook through a link or filter of netctl's."""
        return {address: Found(item) for address, item in kernel.bpf.attachments().items()}

    def apply(self, kernel: Kernel, changes: Sequence[Change]) -> None:
        """Attach, replace, put first, detach."""
        for change in changes:
            device, _, direction = change.address.rpartition(" ")
            if isinstance(change.after, Attachment):
                kernel.bpf.attach(device, direction, change.after)
            else:
                kernel.bpf.detach(device, direction)

    def rests_on(self, address: str, value: Attachment) -> tuple[tuple[str, str], ...]:
        """The device."""
        return (("device", address.rpartition(" ")[0]),)


def _places(cluster: Cluster, host: str, facts: Facts) -> Iterator[tuple[str, str, Source]]:
    """Object, device and the line that wants it."""
    for endpoint in placed(cluster, host, facts):
        yield "endpoint", naming.device(endpoint), endpoint.source
    source = cluster.hosts[host].source
    if cluster.network.mode == "overlay":
        yield "overlay", naming.OVERLAY, source
    if facts.uplink:
        yield "uplink", facts.uplink, source
