"""Debian's own kernels, unpacked from their packages: nothing is installed, nothing is built."""

from __future__ import annotations

import lzma
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

_NEEDED = ("virtio_pci", "virtiofs")
"""What the kernel must have before it sees the machine's files."""


@dataclass(frozen=True)
class Kernel:
    """An unpacked kernel: the file to boot, and the folder of its modules."""

    release: str
    image: Path
    modules: Path

    def early_modules(self) -> list[tuple[str, bytes]]:
        """The modules to load before the machine's files are there, in this order: name and content."""
        found: dict[Path, None] = {}
        for name in _NEEDED:
            options = ["-S", self.release, "-d", str(self.modules.parents[2]), "--show-depends"]
            for line in _run("modprobe", *options, name).splitlines():
                if line.startswith("insmod "):
                    found[Path(line.split()[1])] = None
        return [(path.name.removesuffix(".xz"), _content(path)) for path in found]


def newest(series: str) -> str:
    """The name of the newest package of a series (`6.1`), for small virtual machines."""
    pattern = rf"^linux-image-{re.escape(series)}\.[0-9.+~a-z-]*cloud-amd64$"
    if not (names := _search(pattern)):
        _run("apt-get", "update", "-qq")
        names = _search(pattern)
    if not names:
        raise SystemExit(f"no Linux {series} among this machine's packages: apt-cache search '{pattern}'")
    return max(names, key=lambda name: [int(number) for number in re.findall(r"\d+", name)])


def unpacked(package: str, cache: Path) -> Kernel:
    """The package's kernel, downloaded once."""
    place = cache / package
    if not (place / "complete").is_file():
        place.mkdir(parents=True, exist_ok=True)
        _run("apt-get", "download", "-qq", "-o", "APT::Sandbox::User=root", package, folder=place)
        (archive,) = place.glob("*.deb")
        _run("dpkg-deb", "-x", str(archive), str(place))
        archive.unlink()
        _run("depmod", "-b", str(place), _modules(place).name)
        (place / "complete").touch()
    modules = _modules(place)
    return Kernel(modules.name, place / "boot" / f"vmlinuz-{modules.name}", modules)


def _modules(place: Path) -> Path:
    (modules,) = (place / "lib" / "modules").iterdir()
    return modules


def _search(pattern: str) -> list[str]:
    lines = _run("apt-cache", "search", "--names-only", pattern).splitlines()
    return [line.split()[0] for line in lines]


def _content(path: Path) -> bytes:
    data = path.read_bytes()
    return lzma.decompress(data) if path.suffix == ".xz" else data


def _run(*command: str, folder: Path | None = None) -> str:
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, cwd=folder).stdout
