"""What one packet costs: BPF_PROG_TEST_RUN of what apply loaded for examples/three-hosts, in the thread's CPU time.

The loop and the wrapper that puts the packet back stand in every figure. Before a row is timed, counters and the packet
that comes out have shown that it is what its name says: see tests/bpf/measure.py.
"""

from __future__ import annotations

import os

from tests.bench import applied, forwarding, table, towns
from tests.bpf import datapath, measure

ESTABLISHED, FLOWS = 195.0, 400.0
"""Goals in nanoseconds; Cilium's own program measured 484 and 879 the same way."""
FLAT, ROUTING = 1.25, 0.70
EXAMPLE, HOST = "three-hosts", "alpha"


def run(runs: int) -> None:
    """Measure, and print."""
    datapath.build()
    before = os.sched_getaffinity(0)
    with towns.example(EXAMPLE) as folder:
        table.head("One packet (thread CPU time, loop included, medians)")
        found: dict[str, float] = {}
        for what, nanoseconds in measure.rows(runs, applied.on(folder, HOST)):
            found[what] = nanoseconds
            table.show(line(what, nanoseconds, found.get("one hash lookup", 0.0)))
        few, many = found["decision by 8 rules"], found["decision by 16000 rules"]
        table.show(table.Line("decision by 16,000 rules against 8", many, "ns", "8 rules", few, at_most=FLAT))
        own, plain = forwarding.measure(folder, 3 * runs)
        what = "endpoint to endpoint, real packets, policy included"
        table.show(table.Line(what, own, "ns", "plain routing", plain, at_most=ROUTING))
    os.sched_setaffinity(0, before)


def line(what: str, nanoseconds: float, lookup: float) -> table.Line:
    """A row with its goal, if it has one."""
    if what.startswith("decision"):
        return table.Line(what, nanoseconds, "ns", "one hash lookup", lookup, at_most=3.0)
    if what.endswith("flows"):
        return table.Line(what, nanoseconds, "ns", at_most=FLOWS)
    if what.endswith("established"):
        return table.Line(what, nanoseconds, "ns", at_most=ESTABLISHED)
    return table.Line(what, nanoseconds, "ns")
