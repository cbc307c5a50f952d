"""Which tests run inside a guest kernel: those that depend on what a kernel does."""

from __future__ import annotations

import re
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
QUICK = (
    "tests/bpf",
    "tests/bpf_loader/test_clsact.py",
    "tests/bpf_loader/test_events.py",
    "tests/bpf_loader/test_generation.py",
    "tests/netns/test_port.py",
    "tests/kernels/in_guest.py",
)
"""For every run of the tests, within three minutes."""
MORE = ("tests/bpf_loader", "tests/netns")
"""In addition where time does not matter."""
_SUMMARY = re.compile(r"^=* ?(.*\b\d+ (?:passed|failed|errors?)\b.*?) in [\d.]+s.*$", re.MULTILINE)


def command(*tests: str) -> list[str]:
    """How they are run there."""
    options = ["-q", "-p", "no:cacheprovider", "-p", "no:xdist", "--color=no", "--durations=15"]
    return [sys.executable, "-m", "pytest", *options, *tests]


def summary(output: str) -> str:
    """The last line of a report, without ornaments and time: `400 passed, 3 skipped`."""
    found = _SUMMARY.findall(output)
    return found[-1] if found else "no tests ran"
