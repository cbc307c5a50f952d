"""The command itself: how long `--help` and `validate` take, and what they import."""

from __future__ import annotations

import statistics
import subprocess
import sys

from tests.bench import stopwatch, towns
from tests.bench.table import Line, head, note, show

EXAMPLE = towns.ROOT / "examples" / "three-hosts"
HEAVY = ("paramiko", "pyroute2")


def run(runs: int) -> None:
    """Measure and print."""
    head("The command (wall, medians)")
    show(Line("python -c pass", _median(runs, [sys.executable, "-c", "pass"]), "ms"))
    show(Line("netctl --help", _median(runs, towns.command("--help")), "ms", at_most=100))
    show(
        Line(
            "netctl validate examples/three-hosts", _median(runs, towns.command("validate", EXAMPLE)), "ms", at_most=300
        )
    )
    for words in (("--help",), ("validate", EXAMPLE)):
        heavy = _imported(towns.command(*words))
        note(f"netctl {words[0]} imports {' and '.join(heavy) if heavy else 'neither ' + ' nor '.join(HEAVY)}")


def _median(runs: int, command: list[str]) -> float:
    stopwatch.run(command)
    return 1000 * statistics.median(stopwatch.run(command).wall for _ in range(runs))


def _imported(command: list[str]) -> list[str]:
    done = subprocess.run([command[0], "-X", "importtime", *command[1:]], capture_output=True, text=True, check=True)
    modules = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines() if line.startswith("import time:")}
    return [name for name in HEAVY if name in modules]
