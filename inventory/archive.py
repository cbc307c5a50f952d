"""WORKSTATION: the agent's archive: netctl's own state/ and bpf/ and some of pyroute2 in one file, named by its digest.

Equal sources give equal bytes. It holds sources and the bytecode of the Python
that made it; a host with another Python adds its own. Nothing but the standard library is needed to run it.
"""

from __future__ import annotations

import contextlib
import hashlib
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import bpf
import state
from bpf import outline
from inventory.cache import cache_folder
from inventory.pruned import pyroute2
from state.host.package import FEW, digest, first_stage, pack, place, whose

_FORMAT = b"6"
_KEPT = 4
"""How many archives are kept: whoever works with two versions in turns need not make them anew each time."""


@dataclass(frozen=True)
class Archive:
    """The archive, its digest, whose bytecode it holds (Python's magic number), and the first stage that runs it.

    `entry` is where that stage's bytecode, and what goes with it, is in the archive: offset, size and BLAKE2b.
    """

    data: bytes = field(repr=False)
    digest: str
    bytecode: str
    boot: bytes = field(repr=False)
    entry: tuple[int, int, str] = (0, 0, "")


@cache
def archive() -> Archive:
    """The archive of this netctl. Made once, and kept in the user's cache folder by a digest of what it is made of."""
    files = contents()
    path = cache_folder() / f"agent-{_key(files)}"
    data = _kept(path)
    if data is None:
        data = build(files)
        with contextlib.suppress(OSError):
            _keep(path, data)
    return sealed(data, files)


def sealed(data: bytes, files: Mapping[str, bytes]) -> Archive:
    """An archive with its digest."""
    offset, size = place(data, FEW)
    entry = (offset, size, hashlib.blake2b(data[offset : offset + size], digest_size=32).hexdigest())
    return Archive(data, digest(data), whose(), first_stage(files), entry)


def contents() -> dict[str, bytes]:
    """Every file the agent is made of, by its name in the repository or in the library."""
    found = pyroute2()
    for package in (state, bpf):
        folder = Path(package.__path__[0])
        for path in sorted([*folder.rglob("*.py"), *folder.rglob("*.bpf.o")]):
            found[f"{folder.name}/{path.relative_to(folder).as_posix()}"] = path.read_bytes()
    outlines = {
        name.removesuffix(".bpf.o") + ".outline": outline.write(outline.of(content))
        for name, content in found.items()
        if name.endswith(".bpf.o")
    }
    return {**found, **outlines}


def build(files: Mapping[str, bytes]) -> bytes:
    """The archive of these files, with bytecode."""
    return pack(files)


def _key(files: Mapping[str, bytes]) -> str:
    found = hashlib.sha256(_FORMAT + whose().encode())
    for name, content in sorted(files.items()):
        found.update(f"{name}\0{len(content)}\0".encode() + content)
    return found.hexdigest()


def _kept(path: Path) -> bytes | None:
    """What was kept, if it is whole: its last 32 bytes are the digest of the rest."""
    try:
        data = path.read_bytes()
    except OSError:
        return None
    body, seal = data[:-32], data[-32:]
    return body if hashlib.sha256(body).digest() == seal else None


def _keep(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as unfinished:
        unfinished.write(data + hashlib.sha256(data).digest())
    Path(unfinished.name).rename(path)
    by_age = sorted(path.parent.glob("agent-*"), key=lambda kept: kept.stat().st_mtime_ns, reverse=True)
    for old in by_age[_KEPT:]:
        old.unlink(missing_ok=True)
