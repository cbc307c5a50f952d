"""HOST: maps by file descriptor: made from their layout, described, read, written. What they mean is not known here."""

from __future__ import annotations

import ctypes
import mmap
import os
import struct
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from ctypes import byref, c_uint32, c_uint64
from dataclasses import dataclass
from typing import Optional

from bpf import libbpf, sight
from bpf.layout import MapLayout
from bpf.libbpf import BpfError, asked, call

ENOENT = 2
F_MMAPABLE = 1 << 10
_BLOCK = 64


@dataclass(frozen=True)
class Info:
    """What the kernel says of a map."""

    type: str
    id: int
    key: int
    value: int
    max_entries: int
    flags: int
    name: str


@contextmanager
def held(fd: int) -> Generator[int, None, None]:
    """The file descriptor, closed in the end."""
    try:
        yield fd
    finally:
        os.close(fd)


def create(layout: MapLayout, max_entries: Optional[int] = None) -> int:
    """A new map; `max_entries` where it is not the layout's."""
    opts = libbpf.MapCreateOpts(sz=ctypes.sizeof(libbpf.MapCreateOpts), map_flags=layout.flags)
    template = -1 if layout.inner is None else create(layout.inner)
    if layout.inner is not None:
        opts.inner_map_fd = template
    try:
        return call(
            f"make the map {layout.name}",
            "bpf_map_create",
            libbpf.MAP_TYPES[layout.type],
            layout.name[:15].encode(),
            layout.key,
            layout.value,
            layout.max_entries if max_entries is None else max_entries,
            byref(opts),
        )
    finally:
        if template >= 0:
            os.close(template)


def info(fd: int) -> Info:
    """The kernel's description of a map."""
    return describe(libbpf.info(fd, sight.MAP.size))


def describe(raw: bytes) -> Info:
    """The description in the kernel's bytes."""
    number, identity, key, value, entries, flags, name = sight.MAP.unpack(raw)
    kind = libbpf.MAP_TYPE_NAMES.get(number, f"type {number}")
    return Info(kind, identity, key, value, entries, flags, name.rstrip(b"\0").decode())


def by_id(number: int) -> int:
    """The map with this id."""
    return call(f"open the map with id {number}", "bpf_map_get_fd_by_id", number)


def lookup(fd: int, key: bytes, size: int) -> Optional[bytes]:
    """The value of one key."""
    return asked("read a map", sight.value, fd, key, size)


def read(fd: int, zeros: bool = False) -> dict[bytes, bytes]:
    """All entries; of an array those that are not all zero, unless `zeros`."""
    return entries(asked("read a map", sight.content, fd), zeros)


def entries(content: sight.Content, zeros: bool = False) -> dict[bytes, bytes]:
    """The entries in a map's content; of an array those that are not all zero, unless `zeros`."""
    kind, key, size, keys, values = content
    count = len(keys) // key
    places = _places(values, size, count) if kind in sight.ARRAYS and not zeros else range(count)
    return {keys[at * key : (at + 1) * key]: values[at * size : (at + 1) * size] for at in places}


def _places(values: bytes, size: int, count: int) -> Iterator[int]:
    """Where an array is not zero; most are, nearly everywhere, so they are looked at by the block first."""
    zero, block = bytes(size), bytes(size * _BLOCK)
    for start in range(0, count, _BLOCK):
        if values[start * size : (start + _BLOCK) * size] != block:
            for at in range(start, min(start + _BLOCK, count)):
                if values[at * size : (at + 1) * size] != zero:
                    yield at


def write(fd: int, entries: Mapping[bytes, bytes]) -> None:
    """Add or replace the entries, each in one store."""
    if len(entries) < 8:
        for key, value in entries.items():
            call("write to a map", "bpf_map_update_elem", fd, key, value, c_uint64(libbpf.BPF_ANY))
        return
    count = c_uint32(len(entries))
    opts = libbpf.BatchOpts(sz=ctypes.sizeof(libbpf.BatchOpts))
    keys, values = b"".join(entries), b"".join(entries.values())
    call("write to a map", "bpf_map_update_batch", fd, keys, values, byref(count), byref(opts))


def remove(fd: int, key: bytes) -> None:
    """Remove an entry; of an array, zero it. What is gone is fine."""
    about = info(fd)
    if about.type in ("array", "percpu_array"):
        write(fd, {key: bytes(about.value)})
        return
    try:
        call("remove from a map", "bpf_map_delete_elem", fd, key)
    except BpfError as error:
        if error.errno != ENOENT:
            raise


def store(fd: int, word: int) -> None:
    """Write the first 64-bit word of a memory-mapped array: one store of the processor, seen whole or not at all."""
    with mmap.mmap(fd, mmap.PAGESIZE) as memory:
        place = c_uint64.from_buffer(memory)
        place.value = word
        del place


def inner(fd: int, slot: int) -> Optional[int]:
    """The id of the map in a slot of an array of maps."""
    found = lookup(fd, struct.pack("<I", slot), 4)
    return None if found is None else int.from_bytes(found, "little")


def put_inner(fd: int, slot: int, inner_fd: int) -> None:
    """Put a map into a slot. Returns when no program uses the one that was there."""
    write(fd, {struct.pack("<I", slot): struct.pack("<i", inner_fd)})
