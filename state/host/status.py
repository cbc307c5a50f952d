"""HOST: the verb `status`: what the datapath of this host is doing, beside what `observe` tells.

Reply: `attach` (tcx or clsact), `epoch` of the active policy, `programs` (name and digest), `maps` (name, entries,
capacity; entries -1 where the kernel cannot count), `counters` (reason, direction, packets). Where BPF cannot be used,
`missing` says why.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from state.kernel import Kernel


def answer(kernel: Kernel, body: Mapping[str, Any]) -> dict[str, Any]:
    """What the datapath has to say of itself."""
    missing = kernel.bpf.missing()
    if missing:
        return {"missing": list(missing)}
    bpf = kernel.bpf
    return {
        "missing": [],
        "attach": "tcx" if bpf.tcx() else "clsact",
        "epoch": bpf.generation().epoch,
        "programs": [{"name": name, "digest": item.digest} for name, item in sorted(bpf.programs().items())],
        "maps": [
            {"name": fill.name, "entries": fill.entries, "capacity": fill.max_entries}
            for fill in sorted(bpf.fill(), key=lambda fill: fill.name)
        ],
        "counters": [
            {"reason": count.reason, "direction": count.direction, "packets": count.packets} for count in bpf.counters()
        ],
    }
