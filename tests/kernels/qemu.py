"""`make test-kernels`: the datapath and two hosts over SSH on Debian's 6.1 and 6.12, emulated by QEMU, without KVM.

Each kernel boots once. Slow, and for what User-Mode Linux has not: a JIT, BTF, tcx, nftables and a second CPU.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from tests.kernels import debian, guest, initrd, selection
from tests.kernels.debian import Kernel
from tests.kernels.guest import Result

SERIES = ("6.1", "6.12")
CACHE = selection.ROOT / ".cache" / "kernels"
VIRTIOFSD = (Path("/usr/lib/qemu/virtiofsd"), Path("/usr/libexec/virtiofsd"))
HOUR = 3600.0


def run(kernel: Kernel, command: Sequence[str], out: Path, folder: Path, timeout: float = HOUR) -> Result:
    """Boot the kernel, run `command` in `folder`, and return what it printed."""
    guest.prepare(command, out, folder)
    initrd.write(kernel, out / "initrd")
    with ExitStack() as stack:
        socket = Path(stack.enter_context(tempfile.TemporaryDirectory())) / "files"
        files = stack.enter_context(_files(socket, out))
        stack.callback(files.terminate)
        _await(socket, files)
        words = [word.replace("init=", "guest.init=", 1) if word.startswith("init=") else word
                 for word in guest.settings(out, folder, kernel.modules)]  # fmt: skip
        line = ["console=ttyS0", "quiet", "panic=-1", "mitigations=off", "tsc=reliable", "random.trust_cpu=on",
                "audit=0", "rcupdate.rcu_expedited=1", "guest.tty=/dev/ttyS1", *words]  # fmt: skip
        return guest.boot(_machine(kernel, socket, out, " ".join(line)), out, timeout)


def _machine(kernel: Kernel, socket: Path, out: Path, line: str, memory: str = "3G") -> list[str]:
    """QEMU's command: the first serial port is the console, the second one the job's output.

    One thread for both CPUs: with two, one may still meet the breakpoint of a jump that the other has patched by then.
    """
    return [
        "qemu-system-x86_64", "-nodefaults", "-display", "none", "-no-reboot", "-accel", "tcg,thread=single",
        "-cpu", "max", "-smp", "2", "-m", memory, "-object", f"memory-backend-memfd,id=memory,size={memory},share=on",
        "-numa", "node,memdev=memory", "-chardev", f"socket,id=files,path={socket}",
        "-device", f"vhost-user-fs-pci,chardev=files,tag={initrd.TAG},queue-size=1024",
        "-serial", f"file:{out}/console", "-serial", "stdio", "-kernel", str(kernel.image),
        "-initrd", str(out / "initrd"), "-append", line,
    ]  # fmt: skip


def _files(socket: Path, out: Path) -> subprocess.Popen[bytes]:
    """The process that shows the guest this machine's files."""
    program = next((path for path in VIRTIOFSD if path.is_file()), VIRTIOFSD[0])
    options = [f"--socket-path={socket}", "-o", "source=/", "-o", "cache=always", "-o", "sandbox=chroot"]
    with (out / "virtiofsd").open("wb") as log:
        return subprocess.Popen([program, *options], stdin=subprocess.DEVNULL, stdout=log, stderr=log)


def _await(socket: Path, files: subprocess.Popen[bytes]) -> None:
    while not socket.exists():
        if files.poll() is not None:
            raise SystemExit(f"virtiofsd ended with {files.returncode}")
        time.sleep(0.02)


def main(words: Sequence[str]) -> int:
    """Test every kernel, print a line about each, and return the exit code. Words: tests instead of all."""
    tests = tuple(words) or selection.QUICK + selection.MORE
    failed: list[str] = []
    for series in SERIES:
        kernel = debian.unpacked(debian.newest(series), CACHE)
        out = CACHE / f"out-{series}"
        print(f"Linux {kernel.release}: booting; its report goes to {out}/output", flush=True)
        began = time.monotonic()
        result = run(kernel, selection.command(*tests), out, selection.ROOT)
        summary = selection.summary(result.output)
        minutes = (time.monotonic() - began) / 60
        if result.status or "passed" not in summary:
            failed.append(kernel.release)
            console = (out / "console").read_text(errors="replace")[-3000:] if "passed" not in summary else ""
            print(console, result.output, sep="\n")
        print(f"Linux {kernel.release}: {summary} in {minutes:.1f} minutes (exit status {result.status})", flush=True)
    print("FAILED on " + ", ".join(failed) if failed else "Every kernel passed.")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
