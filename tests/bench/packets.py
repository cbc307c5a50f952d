"""What one packet costs: BPF_PROG_TEST_RUN of the objects that apply loads, in CPU time of the measuring thread.

The loop and the wrapper that puts the packet back stand in every figure. Before a row is timed, counters and the packet
that comes out have shown that it is what its name says: see tests/bpf/measure.py.
"""

from __future__ import annotations

from tests.bench import table
from tests.bpf import measure

ESTABLISHED, FLOWS = 195.0, 400.0
"""Goals in nanoseconds; Cilium's own program measured 484 and 879 the same way."""


def run(runs: int) -> None:
    """Measure, and print."""
    table.head("one packet (thread CPU time, loop included)")
    lookup = 0.0
    for what, nanoseconds in measure.rows(runs):
        if what == "one hash lookup":
            lookup = nanoseconds
        table.show(line(what, nanoseconds, lookup))


def line(what: str, nanoseconds: float, lookup: float) -> table.Line:
    """A row with its goal, if it has one."""
    if what.startswith("decision"):
        return table.Line(what, nanoseconds, "ns", "one hash lookup", lookup, at_most=3.0)
    if what.endswith("flows"):
        return table.Line(what, nanoseconds, "ns", at_most=FLOWS)
    if what.endswith("established"):
        return table.Line(what, nanoseconds, "ns", at_most=ESTABLISHED)
    return table.Line(what, nanoseconds, "ns")
