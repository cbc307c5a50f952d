"""A second kernel as an ordinary process: Debian's User-Mode Linux (6.1).

No JIT, no BTF, one CPU: nothing about races or speed is claimed from it.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

from tests.kernels import guest
from tests.kernels.guest import Result

MODULES = Path("/usr/lib/uml/modules")


def available() -> str:
    """An empty text, or why the guest cannot be started here."""
    if shutil.which("linux.uml") is None:
        return "user-mode-linux is not installed (make install does it)"
    return "" if MODULES.is_dir() else f"{MODULES} is missing"


def run(command: Sequence[str], out: Path, folder: Path, memory: str = "2G", timeout: float = 600) -> Result:
    """Boot the guest, run `command` in `folder`, and return what it printed."""
    guest.prepare(command, out, folder)
    modules = next(MODULES.iterdir())
    kernel = ["linux.uml", f"mem={memory}", "root=/dev/root", "rootfstype=hostfs", "rootflags=/", "ro", "quiet"]
    console = ["con=null", "con0=null,fd:1"]
    return guest.boot([*kernel, *console, *guest.settings(out, folder, modules)], out, timeout)
