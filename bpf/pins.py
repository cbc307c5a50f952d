"""HOST: the pin folder: where netctl's BPF objects stand in the BPF file system, and thereby which are netctl's.

    /sys/fs/bpf/netctl/LAYOUT/MAP                          maps, under the digest of the layout they were made for
    /sys/fs/bpf/netctl/programs/OBJECT/DIGEST/FUNCTION     programs, under the digest of file and read-only data
    /sys/fs/bpf/netctl/links/DEVICE-DIRECTION              tcx links: they outlive a change of layout
    /sys/fs/bpf/netctl/qdiscs/DEVICE                       an empty folder: the clsact qdisc of DEVICE is netctl's

Where no BPF file system is mounted, netctl mounts one with the source `netctl`, and unmounts it with the last pin. The
BPF file system takes no dots in names: they are written `%2e`.
"""

from __future__ import annotations

import ctypes
from pathlib import Path
from typing import Optional

from bpf.layout import LAYOUT
from bpf.libbpf import BpfError, call

OWNER = "netctl"
_FOLDERS = ("programs", "links", "qdiscs")
ENOENT = 2


class Pins:
    """The pin folder below one mount point of the BPF file system."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.base = root / OWNER

    def map(self, name: str, layout: str = LAYOUT) -> Path:
        """Where a map is pinned."""
        return self.base / layout / name

    def program(self, name: str, digest: str) -> Path:
        """The folder of a loaded object's programs."""
        return self.base / "programs" / name / digest

    def link(self, device: str, direction: str) -> Path:
        """Where the link of a hook is pinned."""
        return self.base / "links" / f"{_escape(device)}-{direction}"

    def qdisc(self, device: str) -> Path:
        """The folder that says that the clsact qdisc of the device is netctl's."""
        return self.base / "qdiscs" / _escape(device)

    def layouts(self) -> list[str]:
        """The layouts of which there are maps."""
        return [name for name in children(self.base) if name not in _FOLDERS]

    def links(self) -> list[tuple[str, str]]:
        """Device and direction of each pinned link."""
        parts = [name.rpartition("-") for name in children(self.base / "links")]
        return [(_unescape(device), direction) for device, _, direction in parts]

    def digests(self, name: str) -> list[str]:
        """The digests under which programs of an object are pinned."""
        return children(self.base / "programs" / name)

    def get(self, path: Path) -> Optional[int]:
        """A file descriptor of what is pinned at `path`, None if nothing is."""
        if not path.exists():
            return None
        try:
            return call(f"open {path}", "bpf_obj_get", str(path).encode())
        except BpfError as error:
            if error.errno == ENOENT:
                return None
            raise

    def put(self, fd: int, path: Path) -> None:
        """Pin something at `path`, in place of what is pinned there."""
        self.prepare()
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        call(f"pin {path}", "bpf_obj_pin", fd, str(path).encode())

    def mark(self, folder: Path) -> None:
        """Make an empty folder that says something by its being there."""
        self.prepare()
        folder.mkdir(parents=True, exist_ok=True)

    def device(self, name: str) -> str:
        """The device that a name in `qdiscs` stands for."""
        return _unescape(name)

    def drop(self, path: Path) -> None:
        """Remove a pin, or a folder of pins, and the folders above that are empty now; the mount with the last one."""
        if path.is_dir():
            for name in children(path):
                (path / name).unlink()
            path.rmdir()
        else:
            path.unlink(missing_ok=True)
        folder = path.parent
        while self.root in folder.parents and folder.is_dir() and not children(folder):
            folder.rmdir()
            folder = folder.parent
        if not self.base.exists():
            self._unmount()

    def prepare(self) -> None:
        """Mount the BPF file system where it is not."""
        if self._source() is None:
            _libc("mount", OWNER.encode(), str(self.root).encode(), b"bpf", ctypes.c_ulong(0), None)

    def _unmount(self) -> None:
        if self._source() == OWNER:
            _libc("umount2", str(self.root).encode(), 0)

    def _source(self) -> Optional[str]:
        """What the BPF file system at the root was mounted from, None if there is none."""
        source = None
        with open("/proc/self/mountinfo") as lines:
            for line in lines:
                place, _, kind = line.partition(" - ")
                if place.split()[4] == str(self.root):
                    filesystem, origin = kind.split()[:2]
                    source = origin if filesystem == "bpf" else None
        return source


def children(folder: Path) -> list[str]:
    """The sorted names in a folder; none if it does not exist."""
    try:
        return sorted(path.name for path in folder.iterdir())
    except FileNotFoundError:
        return []


def _libc(name: str, *arguments: object) -> None:
    function = getattr(ctypes.CDLL(None, use_errno=True), name)
    if function(*arguments) != 0:
        raise BpfError(ctypes.get_errno(), f"{name} the BPF file system")


def _escape(device: str) -> str:
    return device.replace("%", "%25").replace(".", "%2e")


def _unescape(name: str) -> str:
    return name.replace("%2e", ".").replace("%25", "%")
