"""Somebody else with root on the same host: programs of their own, and fingers in netctl's pins and maps."""

from __future__ import annotations

import ctypes
import os
import struct
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Optional

from bpf import hooks, maps
from bpf.generation import WORD
from bpf.layout import LAYOUT
from bpf.libbpf import call, library

_SCHED_CLS = 3
_RETURN_NEXT = struct.pack("<BBhi", 0xB7, 0, 0, -1) + struct.pack("<BBhi", 0x95, 0, 0, 0)


@contextmanager
def program(name: str) -> Generator[int, None, None]:
    """A loaded program that lets every packet go on."""
    load = library().bpf_prog_load
    load.argtypes = [
        ctypes.c_int, ctypes.c_char_p, ctypes.c_char_p, ctypes.c_char_p, ctypes.c_size_t, ctypes.c_void_p,
    ]  # fmt: skip
    fd = load(_SCHED_CLS, name.encode(), b"GPL", _RETURN_NEXT, 2, None)
    assert fd >= 0
    try:
        yield fd
    finally:
        os.close(fd)


@contextmanager
def pinned(path: Path) -> Generator[int, None, None]:
    """What is pinned at `path`."""
    fd = call("open", "bpf_obj_get", str(path).encode())
    try:
        yield fd
    finally:
        os.close(fd)


def pin(fd: int, path: Path) -> None:
    """Pin something in place of what is there."""
    path.unlink(missing_ok=True)
    call("pin", "bpf_obj_pin", fd, str(path).encode())


def detach(link: Path) -> None:
    """Take a program off its hook; the pin stays."""
    with pinned(link) as fd:
        hooks.detach(fd)


def replace(link: Path, program_fd: int) -> None:
    """Put another program into a link."""
    with pinned(link) as fd:
        hooks.relink(fd, program_fd)


def edit(root: Path, table: str, key: bytes, value: Optional[bytes]) -> None:
    """Write into the live table of the active generation, or (None) take an entry from it."""
    folder = root / "netctl" / LAYOUT
    with pinned(folder / WORD) as word_fd, pinned(folder / table) as outer:
        word = maps.lookup(word_fd, bytes(4), 8)
        assert word is not None
        inner = maps.inner(outer, word[0])
        assert inner is not None
        with maps.held(maps.by_id(inner)) as fd:
            if value is None:
                maps.remove(fd, key)
            else:
                maps.write(fd, {key: value})
