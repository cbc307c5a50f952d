"""BOTH SIDES: what the programs need to know of this host's devices; devices by name, as everywhere."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bpf import layout
from state import naming
from state.change import Change, Found, Wanted
from state.cluster import Cluster
from state.facts import Facts, Scope
from state.kernel import Kernel
from state.kinds.kind import Kind

MAP = "settings"
ADDRESS = "devices"
_KEY = bytes(4)


@dataclass(frozen=True)
class Setting:
    """The devices between hosts, empty where there is none, and the UDP port that endpoints may not send to."""

    overlay: str
    uplink: str
    tunnel_port: int


class Settings(Kind[Setting]):
    """The one entry of the map `settings`."""

    name = "setting"
    value = Setting

    def desired(self, cluster: Cluster, host: str, facts: Facts) -> Mapping[str, Wanted[Setting]]:
        """The tunnel in overlay mode, and the uplink."""
        overlay = cluster.network.mode == "overlay"
        wanted = Setting(naming.OVERLAY if overlay else "", facts.uplink, cluster.network.port if overlay else 0)
        return {ADDRESS: Wanted(wanted, cluster.hosts[host].source)}

    def observe(self, kernel: Kernel, scope: Scope) -> Mapping[str, Found[Setting]]:
        """The entry, unless it is all zero; a device that is gone shows as such."""
        names = {index: name for name, index in kernel.bpf.devices().items()}
        entry = kernel.bpf.entries(MAP).get(_KEY)
        if entry is None:
            return {}
        raw = layout.Settings.unpack(entry)
        return {ADDRESS: Found(Setting(_name(names, raw.overlay), _name(names, raw.uplink), raw.tunnel_port))}

    def apply(self, kernel: Kernel, changes: Sequence[Change]) -> None:
        """Write the entry, or zero it."""
        indexes = kernel.bpf.devices()
        for change in changes:
            wanted = change.after
            if isinstance(wanted, Setting):
                raw = layout.Settings(
                    overlay=indexes.get(wanted.overlay, 0),
                    uplink=indexes.get(wanted.uplink, 0),
                    tunnel_port=wanted.tunnel_port,
                )
                kernel.bpf.update(MAP, {_KEY: raw.pack()})
            else:
                kernel.bpf.delete(MAP, (_KEY,))

    def rests_on(self, address: str, value: Setting) -> tuple[tuple[str, str], ...]:
        """The tunnel: its successor has another index."""
        return (("device", value.overlay),) if value.overlay else ()


def _name(names: Mapping[int, str], index: int) -> str:
    return names.get(index, f"gone ({index})") if index else ""
