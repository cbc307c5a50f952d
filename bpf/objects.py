"""HOST: compiled objects: their read-only data before and after loading, and the programs that come of them."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterator, Mapping
from ctypes import byref, c_size_t
from dataclasses import dataclass
from typing import Optional

import bpf
from bpf import libbpf, outline
from bpf.layout import MAPS
from bpf.libbpf import call, pointer
from bpf.outline import Outline
from state.problem import HostError, Problem

OBJECTS = ("endpoint", "overlay", "uplink")
EXPORTED = "exported_"
_SECTION = ".rodata"
_SIZES = (1, 2, 4, 8)


@dataclass(frozen=True)
class Object:
    """A compiled object as it came with the agent. `given` are its bytes, where the agent does not carry them."""

    name: str
    outline: Outline
    given: Optional[bytes] = None

    @property
    def data(self) -> bytes:
        """The file."""
        return _file(self.name) if self.given is None else self.given

    @property
    def digest(self) -> str:
        """The digest of the file."""
        return self.outline.digest

    @property
    def functions(self) -> tuple[str, ...]:
        """The names of the programs in it."""
        return self.outline.functions

    def settings(self) -> Mapping[str, tuple[int, int]]:
        """What can be set before loading: the read-only variables that are not there for BTF's sake alone."""
        return {
            name: (offset, size)
            for name, (offset, size) in self.outline.variables.items()
            if not name.startswith(EXPORTED) and size in _SIZES
        }

    def rodata(self, config: Mapping[str, int]) -> bytes:
        """The read-only data with `config` in it. Raises HostError unless `config` names just the settings."""
        settings = self.settings()
        if settings.keys() != config.keys():
            wrong = ", ".join(sorted(settings.keys() ^ config.keys()))
            raise HostError(Problem(f"program {self.name}: its settings do not fit: {wrong}"))
        section = bytearray(self.outline.rodata)
        for name, (offset, size) in settings.items():
            section[offset : offset + size] = config[name].to_bytes(size, "little")
        return bytes(section)

    def config(self, rodata: bytes) -> Mapping[str, int]:
        """What is set in read-only data."""
        return {
            name: int.from_bytes(rodata[offset : offset + size], "little")
            for name, (offset, size) in sorted(self.settings().items())
        }


def load(name: str) -> Object:
    """The compiled object `name`. Raises HostError if the agent does not carry it."""
    written = _carried(f"{name}.outline")
    return Object(name, outline.of(_file(name)) if written is None else outline.read(written))


def _file(name: str) -> bytes:
    data = _carried(f"{name}.bpf.o") if name in OBJECTS else None
    if data is None:
        raise HostError(Problem(f"program {name}: its compiled object is missing", "Build the objects: make -C bpf."))
    return data


def _carried(name: str) -> Optional[bytes]:
    """A file beside this one, wherever modules come from."""
    assert bpf.__file__ is not None
    try:
        loaded: bytes = getattr(bpf, "__loader__").get_data(os.path.join(os.path.dirname(bpf.__file__), name))  # noqa: B009
    except FileNotFoundError:
        return None
    return loaded


@dataclass(frozen=True)
class Loaded:
    """What the kernel says of a loaded program; `maps` are the names of its maps by id, `rodata` its frozen data."""

    id: int
    loaded_at: int
    maps: Mapping[int, str]
    rodata: Optional[bytes]


class Loading:
    """An object loaded into the kernel: it uses the pinned maps, and its read-only data is set."""

    def __init__(self, item: Object, config: Mapping[str, int], pinned: Mapping[str, int]) -> None:
        self._opts = libbpf.OpenOpts(sz=ctypes.sizeof(libbpf.OpenOpts), object_name=item.name.encode())
        self._handle = pointer(
            f"open the object {item.name}", "bpf_object__open_mem", item.data, len(item.data), byref(self._opts)
        )
        try:
            self._prepare(item, item.rodata(config), pinned)
            call(f"load the program {item.name}", "bpf_object__load", self._handle)
        except HostError:
            self.close()
            raise

    def _prepare(self, item: Object, rodata: bytes, pinned: Mapping[str, int]) -> None:
        library = libbpf.library()
        handle = library.bpf_object__next_map(self._handle, None)
        while handle:
            name = library.bpf_map__name(handle).decode()
            if name in MAPS:
                if name not in pinned:
                    raise HostError(Problem(f"program {item.name}: the map {name} is not there"))
                call(f"use the map {name}", "bpf_map__reuse_fd", handle, pinned[name])
            elif name.endswith(_SECTION):
                size = c_size_t()
                place = pointer("find read-only data", "bpf_map__initial_value", handle, byref(size))
                ctypes.memmove(place, rodata, min(size.value, len(rodata)))
            handle = library.bpf_object__next_map(self._handle, handle)

    def programs(self) -> Iterator[tuple[str, int]]:
        """Name and file descriptor of each program, valid until `close`."""
        library = libbpf.library()
        handle = library.bpf_object__next_program(self._handle, None)
        while handle:
            yield library.bpf_program__name(handle).decode(), library.bpf_program__fd(handle)
            handle = library.bpf_object__next_program(self._handle, handle)

    def close(self) -> None:
        """Forget the object; what is pinned or attached stays."""
        libbpf.library().bpf_object__close(self._handle)

    def __enter__(self) -> Loading:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
