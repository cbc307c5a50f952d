"""How long a command takes, and how much CPU time it and everything it starts uses on this machine.

What it leaves behind (OpenSSH's shared connections) is ended and counted, too: it is adopted by a process of its own.
"""

from __future__ import annotations

import ctypes
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from resource import RUSAGE_CHILDREN, getrusage

_PR_SET_CHILD_SUBREAPER = 36


@dataclass(frozen=True)
class Taken:
    """Seconds."""

    wall: float
    cpu: float


def run(command: Sequence[str], environment: dict[str, str] | None = None) -> Taken:
    """Run a command; it must succeed."""
    watch = [sys.executable, __file__, *command]
    done = subprocess.run(watch, capture_output=True, text=True, check=False, env={**os.environ, **(environment or {})})
    if done.returncode:
        raise RuntimeError(
            f"{' '.join(command)} ended with {done.returncode}\n{done.stdout[-2000:]}{done.stderr[-2000:]}"
        )
    return Taken(**json.loads(done.stdout))


def main(command: Sequence[str]) -> int:
    """Run a command and print what it took."""
    ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    started = time.monotonic()
    with subprocess.Popen(
        list(command), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    ) as process:
        assert process.stdout is not None
        code, said = _end(process, process.stdout.fileno())
    wall = time.monotonic() - started
    _end_what_is_left()
    usage = getrusage(RUSAGE_CHILDREN)
    if code:
        sys.stderr.buffer.write(said)
    else:
        print(json.dumps({"wall": wall, "cpu": usage.ru_utime + usage.ru_stime}))
    return code


def _end(process: subprocess.Popen[bytes], output: int) -> tuple[int, bytes]:
    """The exit status and what was written until then: what stays behind may hold the output open."""
    said = b""
    os.set_blocking(output, False)
    while True:
        code = process.poll()
        try:
            data = os.read(output, 1 << 16)
        except BlockingIOError:
            data = b""
            if code is None:
                time.sleep(0.002)
        said += data
        if code is not None and not data:
            return code, said


def _end_what_is_left() -> None:
    while children := Path("/proc/thread-self/children").read_text().split():
        for child in children:
            os.kill(int(child), signal.SIGTERM)
            os.waitpid(int(child), 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
