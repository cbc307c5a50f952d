"""A second kernel as an ordinary process: Debian's User-Mode Linux (6.1) over this machine's own files.

No JIT, no BTF, one CPU: nothing about races or speed is claimed from it. The guest writes into a throw-away overlay; only
`out` is shared.
"""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import subprocess
import threading
from dataclasses import dataclass
from pathlib import Path

INIT = Path(__file__).parent / "guest-init"
MODULES = Path("/usr/lib/uml/modules")


@dataclass(frozen=True)
class Result:
    """How a job in the guest ended: 124 timed out, 125 the guest died before the job did."""

    status: int
    output: str


def available() -> str:
    """An empty text, or why the guest cannot be started here."""
    if shutil.which("linux.uml") is None:
        return "user-mode-linux is not installed (make install does it)"
    return "" if MODULES.is_dir() else f"{MODULES} is missing"


def run(command: list[str], out: Path, folder: Path, memory: str = "2G", timeout: float = 600) -> Result:
    """Boot the guest, run `command` in `folder`, and return what it printed; `out` is writable on both sides."""
    out.mkdir(parents=True, exist_ok=True)
    shutil.copy(INIT, out / "init")
    environment = "export PYTHONDONTWRITEBYTECODE=1 NETCTL_GUEST=1"
    (out / "job").write_text(f"{environment}\ncd {shlex.quote(str(folder))} && exec {shlex.join(command)}\n")
    (out / "exit-status").unlink(missing_ok=True)
    modules = next(MODULES.iterdir())
    kernel = ["linux.uml", f"mem={memory}", "root=/dev/root", "rootfstype=hostfs", "rootflags=/", "ro", "quiet"]
    console = ["con=null", "con0=null,fd:1", f"init={out}/init", f"guest.out={out}", f"guest.mods={modules}"]
    with (out / "console").open("wb") as console_log:
        process = subprocess.Popen(
            [*kernel, *console],
            stdin=subprocess.DEVNULL,
            stdout=console_log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        late = threading.Event()

        def end() -> None:
            late.set()
            os.killpg(process.pid, signal.SIGKILL)

        timer = threading.Timer(timeout, end)
        timer.start()
        process.wait()
        timer.cancel()
    output = (out / "console").read_text(errors="replace").replace("\r\n", "\n")
    if late.is_set():
        return Result(124, output)
    status = out / "exit-status"
    return Result(int(status.read_text()) if status.is_file() else 125, output)
