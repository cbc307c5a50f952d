"""The first files of a guest under QEMU: they mount the machine's own through virtiofs and go there."""

from __future__ import annotations

import stat
from collections.abc import Sequence
from pathlib import Path

from tests.kernels.debian import Kernel

BUSYBOX = Path("/usr/bin/busybox")
TAG = "machine"
INIT = f"""#!/bin/busybox sh
b=/bin/busybox
$b mkdir -p /proc /sys /dev /root
$b mount -t proc proc /proc
$b mount -t devtmpfs dev /dev
while read module; do $b insmod /modules/$module; done </modules/order
for word in $($b cat /proc/cmdline); do
  case $word in guest.init=*) init=${{word#*=}} ;; esac
done
$b mount -t virtiofs {TAG} /root && $b mount -o remount,bind,ro /root || $b poweroff -f
$b mount -t proc proc /root/proc
$b mount -t sysfs sysfs /root/sys
$b mount -t devtmpfs dev /root/dev
exec $b switch_root /root $init
"""
_FOLDER, _FILE, _DEVICE = stat.S_IFDIR | 0o755, stat.S_IFREG | 0o755, stat.S_IFCHR | 0o600

Entry = tuple[str, int, bytes]
"""Name, mode and content of a file."""


def write(kernel: Kernel, path: Path) -> None:
    """Write the archive for a kernel."""
    modules = kernel.early_modules()
    order = "".join(f"{name}\n" for name, _ in modules)
    entries: list[Entry] = [(name, _FOLDER, b"") for name in ("bin", "modules", "dev")]
    entries += [("bin/busybox", _FILE, BUSYBOX.read_bytes()), ("init", _FILE, INIT.encode())]
    entries += [("dev/console", _DEVICE, b""), ("modules/order", _FILE, order.encode())]
    entries += [(f"modules/{name}", _FILE, content) for name, content in modules]
    path.write_bytes(archive(entries))


def archive(entries: Sequence[Entry]) -> bytes:
    """A cpio archive as the kernel unpacks it; the only device is the console, 5:1."""
    out = bytearray()
    for number, (name, mode, content) in enumerate([*entries, ("TRAILER!!!", 0, b"")]):
        device = (5, 1) if mode == _DEVICE else (0, 0)
        fields = (number, mode, 0, 0, 1, 0, len(content), 0, 0, *device, len(name) + 1, 0)
        out += b"070701" + b"".join(b"%08x" % field for field in fields) + name.encode() + b"\0"
        out += b"\0" * (-len(out) % 4) + content
        out += b"\0" * (-len(out) % 4)
    return bytes(out)
