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
import os
from typing import Optional

from bpf.layout import LAYOUT
from bpf.libbpf import BpfError, call
from state.host import files

OWNER = "netctl"
_BESIDE = "beside"
FOLDERS = ("programs", "links", "qdiscs", _BESIDE)
"""What stands beside the folders of maps."""
ENOENT = 2
_NOSUID, _NODEV, _NOEXEC = 2, 4, 8


class Pins:
    """The pin folder below one mount point of the BPF file system."""

    def __init__(self, root: str) -> None:
        self.root = root
        self.base = f"{root}/{OWNER}"

    def map(self, name: str, layout: str = LAYOUT) -> str:
        """Where a map is pinned."""
        return f"{self.base}/{layout}/{name}"

    def program(self, name: str, digest: str) -> str:
        """The folder of a loaded object's programs."""
        return f"{self.base}/programs/{name}/{digest}"

    def link(self, device: str, direction: str) -> str:
        """Where the link of a hook is pinned."""
        return f"{self.base}/links/{_escape(device)}-{direction}"

    def qdisc(self, device: str) -> str:
        """The folder that says that the clsact qdisc of the device is netctl's."""
        return f"{self.base}/qdiscs/{_escape(device)}"

    def links(self) -> list[tuple[str, str]]:
        """Device and direction of each pinned link."""
        return [self.hook(name) for name in children(f"{self.base}/links")]

    def hook(self, name: str) -> tuple[str, str]:
        """Device and direction that a name in `links` stands for."""
        device, _, direction = name.rpartition("-")
        return _unescape(device), direction

    def digests(self, name: str) -> list[str]:
        """The digests under which programs of an object are pinned."""
        return children(f"{self.base}/programs/{name}")

    def get(self, path: str) -> Optional[int]:
        """A file descriptor of what is pinned at `path`, None if nothing is."""
        if not os.path.exists(path):
            return None
        try:
            return call(f"open {path}", "bpf_obj_get", path.encode())
        except BpfError as error:
            if error.errno == ENOENT:
                return None
            raise

    def put(self, fd: int, path: str) -> None:
        """Pin something at `path`, in place of what is pinned there: whoever is killed meanwhile leaves one of both."""
        self.prepare()
        os.makedirs(os.path.dirname(path), exist_ok=True)
        if not os.path.exists(path):
            call(f"pin {path}", "bpf_obj_pin", fd, path.encode())
            return
        beside = f"{self.base}/{_BESIDE}"
        _unlink(beside)
        call(f"pin {beside}", "bpf_obj_pin", fd, beside.encode())
        os.rename(beside, path)

    def mark(self, folder: str) -> None:
        """Make an empty folder that says something by its being there."""
        self.prepare()
        os.makedirs(folder, exist_ok=True)

    def device(self, name: str) -> str:
        """The device that a name in `qdiscs` stands for."""
        return _unescape(name)

    def drop(self, path: str) -> None:
        """Remove a pin, or a folder of pins, and the folders above that are empty now; the mount with the last one."""
        _unlink(f"{self.base}/{_BESIDE}")
        if os.path.isdir(path):
            for name in children(path):
                _unlink(f"{path}/{name}")
            os.rmdir(path)
        else:
            _unlink(path)
        folder = os.path.dirname(path)
        while folder.startswith(self.base) and os.path.isdir(folder) and not children(folder):
            os.rmdir(folder)
            folder = os.path.dirname(folder)
        self.leave()

    def leave(self) -> None:
        """Unmount the BPF file system where netctl mounted it and nothing is pinned in it any more."""
        if os.path.isdir(self.base) and not children(self.base):
            os.rmdir(self.base)
        # the kernel's own files in it have a dot in their names, and nobody else's can
        if all("." in name for name in children(self.root)) and self._source() == OWNER:
            _libc("umount2", self.root.encode(), 0)

    def prepare(self) -> None:
        """Mount the BPF file system where it is not."""
        if self._source() is None:
            flags = ctypes.c_ulong(_NOSUID | _NODEV | _NOEXEC)
            _libc("mount", OWNER.encode(), self.root.encode(), b"bpf", flags, b"mode=700")

    def _source(self) -> Optional[str]:
        """What the BPF file system at the root was mounted from, None if there is none."""
        source = None
        with open("/proc/self/mountinfo") as lines:
            for line in lines:
                place, _, kind = line.partition(" - ")
                if place.split()[4] == self.root:
                    filesystem, origin = kind.split()[:2]
                    source = origin if filesystem == "bpf" else None
        return source


def children(folder: str) -> list[str]:
    """The sorted names in a folder; none if it does not exist."""
    return list(files.names(folder) or ())


def _unlink(path: str) -> None:
    try:
        os.unlink(path)
    except FileNotFoundError:
        return


def _libc(name: str, *arguments: object) -> None:
    function = getattr(ctypes.CDLL(None, use_errno=True), name)
    if function(*arguments) != 0:
        raise BpfError(ctypes.get_errno(), f"{name} the BPF file system")


def _escape(device: str) -> str:
    return device.replace("%", "%25").replace(".", "%2e")


def _unescape(name: str) -> str:
    return name.replace("%2e", ".").replace("%25", "%")
