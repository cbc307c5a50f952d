"""BOTH SIDES: the maps of the datapath, pinned: their shape. What declared maps hold is the business of other kinds.

What the RUNTIME maps hold is nobody's wish: connections, counters, fragments and listeners are never compared, and are
kept when anything else changes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from bpf.layout import LAYOUT, MAPS
from state.change import Action, Change, Found, Wanted
from state.cluster import Cluster
from state.facts import Facts, Scope
from state.kernel import Kernel
from state.kernel_bpf import Map
from state.kinds.kind import Kind

RUNTIME = frozenset({"connections", "counters", "fragments", "hints", "listeners", "tracing"})


class Maps(Kind[Map]):
    """Pinned maps, below the digest of the layout they were made for: an old one is replaced, never misread."""

    name = "map"
    value = Map
    fixed = frozenset({"type", "key", "value", "max_entries", "flags", "layout"})

    def desired(self, cluster: Cluster, host: str, facts: Facts) -> Mapping[str, Wanted[Map]]:
        """Every map of the layout."""
        source = cluster.hosts[host].source
        return {
            name: Wanted(Map(item.type, item.key, item.value, item.max_entries, item.flags, LAYOUT), source)
            for name, item in MAPS.items()
        }

    def observe(self, kernel: Kernel, scope: Scope) -> Mapping[str, Found[Map]]:
        """Every pinned map, of other layouts too."""
        return {address: Found(item) for address, item in kernel.bpf.maps().items()}

    def apply(self, kernel: Kernel, changes: Sequence[Change]) -> None:
        """Make or unpin maps."""
        for change in changes:
            if change.action is not Action.CREATE:
                kernel.bpf.delete_map(change.address)
            if change.after is not None:
                kernel.bpf.create_map(change.address)
