"""`make bench`: what netctl costs, as ratios of one run on one machine. Prints; a missed goal is no error.

`python tests/bench [--quick] [control] [packets] [policy] [traffic] [command]`: all parts, or those named.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))


def main() -> None:
    """Run the parts that are asked for."""
    from tests.bench import command, control, packets, policy, traffic

    parser = argparse.ArgumentParser(prog="python tests/bench", description=__doc__)
    parser.add_argument(
        "parts", nargs="*", choices=("control", "packets", "policy", "traffic", "command", []), help="all without one"
    )
    parser.add_argument("--quick", action="store_true", help="10 hosts alone, and fewer runs")
    parser.add_argument("--hosts", type=int, action="append", choices=sorted(control.ROUNDS), help="labs of this size")
    chosen = parser.parse_args()
    parts = chosen.parts or ["command", "policy", "traffic", "packets", "control"]
    started, load = time.monotonic(), os.getloadavg()[0]
    print(f"{os.cpu_count()} CPUs, load {load:.1f} before the run, Linux {os.uname().release}")
    if "command" in parts:
        command.run(3 if chosen.quick else 9)
    if "policy" in parts:
        policy.run(1 if chosen.quick else 3)
    if "traffic" in parts:
        traffic.run(chosen.quick)
    if "packets" in parts:
        packets.run(3 if chosen.quick else 9)
    if "control" in parts:
        control.run(tuple(chosen.hosts or ([10] if chosen.quick else [10, 30, 100])))
    print(f"\n{time.monotonic() - started:.0f} s")


if __name__ == "__main__":
    main()
