"""A guest kernel over this machine's own files: what is the same however it is booted.

The guest writes into a throw-away overlay; only the folder `out` is shared.
"""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import subprocess
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

INIT = Path(__file__).parent / "guest-init"
TIMED_OUT, DIED = 124, 125


@dataclass(frozen=True)
class Result:
    """How a job in the guest ended: 124 timed out, 125 the guest died before the job did."""

    status: int
    output: str


def prepare(command: Sequence[str], out: Path, folder: Path) -> None:
    """Write what the guest reads when it boots: it will run `command` in `folder`."""
    out.mkdir(parents=True, exist_ok=True)
    shutil.copy(INIT, out / "init")
    environment = "export PYTHONDONTWRITEBYTECODE=1 NETCTL_GUEST=1"
    (out / "job").write_text(f"{environment}\ncd {shlex.quote(str(folder))} && exec {shlex.join(command)}\n")
    (out / "exit-status").unlink(missing_ok=True)


def settings(out: Path, folder: Path, modules: Path) -> list[str]:
    """Words of the kernel's command line that guest-init looks for."""
    return [f"init={out}/init", f"guest.out={out}", f"guest.folder={folder}", f"guest.mods={modules}"]


def boot(command: Sequence[str], out: Path, timeout: float) -> Result:
    """Run the process that is the guest until it ends; what it prints is the job's output."""
    with (out / "output").open("wb") as output, (out / "errors").open("wb") as errors:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=errors, start_new_session=True
        )
        late = threading.Event()

        def end() -> None:
            late.set()
            os.killpg(process.pid, signal.SIGKILL)

        timer = threading.Timer(timeout, end)
        timer.start()
        try:
            process.wait()
        finally:
            timer.cancel()
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
    text = (out / "output").read_text(errors="replace").replace("\r\n", "\n")
    if late.is_set():
        return Result(TIMED_OUT, text)
    status = out / "exit-status"
    return Result(int(status.read_text()) if status.is_file() else DIED, text)
