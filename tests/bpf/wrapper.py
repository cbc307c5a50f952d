"""A compiled object of the tests' own, loaded as it is: its programs and maps, by name."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from contextlib import ExitStack
from ctypes import byref
from dataclasses import dataclass
from pathlib import Path

from bpf import libbpf
from bpf.libbpf import call, pointer


@dataclass(frozen=True)
class Wrapper:
    """File descriptors, valid for as long as the stack that it was loaded on."""

    programs: dict[str, int]
    maps: dict[str, int]


def load(path: Path, stack: ExitStack) -> Wrapper:
    """Load the object file `path`, which says by its name what it is called."""
    data, library = path.read_bytes(), libbpf.library()
    opts = libbpf.OpenOpts(sz=ctypes.sizeof(libbpf.OpenOpts), object_name=path.name.partition(".")[0].encode())
    handle = pointer(f"open {path.name}", "bpf_object__open_mem", data, len(data), byref(opts))
    stack.callback(library.bpf_object__close, handle)
    call(f"load {path.name}", "bpf_object__load", handle)
    programs = {library.bpf_program__name(at).decode(): library.bpf_program__fd(at) for at in _each("program", handle)}
    return Wrapper(
        programs, {library.bpf_map__name(at).decode(): library.bpf_map__fd(at) for at in _each("map", handle)}
    )


def _each(kind: str, handle: int) -> Iterator[int]:
    following = getattr(libbpf.library(), f"bpf_object__next_{kind}")
    at = following(handle, None)
    while at:
        yield at
        at = following(handle, at)
