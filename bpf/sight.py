"""HOST: questions about netctl's BPF objects: what is pinned and attached, and what stands in maps, as bytes.

By libbpf, but without its signatures and structures (`bpf.libbpf`): to look at what is there takes a few functions.
Folders of pins are `bpf.pins`'s to name, they come as words.
"""

from __future__ import annotations

import ctypes
import os
import struct
from ctypes import byref, c_uint32, create_string_buffer

from state.host import files
from state.host.netlink import inside
from state.host.questions import question

TYPE_CHECKING = False  # see `state.host.questions`
if TYPE_CHECKING:
    from typing import Any, Optional

    Content = tuple[int, int, int, bytes, bytes]  # type, size of a key, size of a value, all keys, all values

MAP = struct.Struct("<IIIIII16s")
"""Of a map: type, id, sizes of key and value, how many entries there may be, flags, name."""
PROGRAM = struct.Struct("<II8sIIQQQIIQ16s")
LINK = struct.Struct("<IIIIII")
"""Of a link: type, id, program, (4 more of) what kind, the device's index, where."""
TCX = {"ingress": 46, "egress": 47}
CLSACT = {"ingress": 1, "egress": 2}
_HANDLE, _PRIORITY = 0x6E, 1
"""Where netctl's filter stands on a clsact hook, and thereby which is netctl's: first, with a handle of its own."""
ARRAYS = (2, 6, 12)
"""Array, one of each CPU, array of maps: they have all their entries always."""
PERCPU = (5, 6, 10)

_HOOK = struct.Struct("@QiiI4x")
_FILTER = struct.Struct("@QiIIII4x")
_ROOM = 64
_MOST = 16384
_EINVAL, _ENOENT = 22, 2
_RODATA = b".rodata"

_library: list[ctypes.CDLL] = []


def library() -> ctypes.CDLL:
    """libbpf, told to say nothing. Raises OSError where it is missing."""
    if not _library:
        found = ctypes.CDLL("libbpf.so.1", use_errno=True)
        found.libbpf_set_print(None)
        _library.append(found)
    return _library[0]


def call(name: str, *arguments: Any) -> int:
    """What a function of libbpf returns, where it is not negative. Raises OSError."""
    result: int = getattr(library(), name)(*arguments)
    if result < 0:
        number = -result if result != -1 else ctypes.get_errno() or 1
        raise OSError(number, os.strerror(number))
    return result


def info(fd: int, size: int) -> bytes:
    """The kernel's description of what a file descriptor stands for, `size` bytes of it at most."""
    buffer = create_string_buffer(size)
    call("bpf_obj_get_info_by_fd", fd, buffer, byref(c_uint32(size)))
    return buffer.raw


def _opened(path: str) -> int:
    """What is pinned at a path; -1 where nothing is, or a folder: it is not netctl's, and no pin."""
    try:
        return call("bpf_obj_get", path.encode())
    except OSError as error:
        if error.errno == _ENOENT or os.path.isdir(path):
            return -1
        raise


def _described(fd: int, size: int) -> bytes:
    """The description, and the descriptor closed."""
    try:
        return info(fd, size)
    finally:
        os.close(fd)


@question
def maps(base: str, others: tuple[str, ...]) -> tuple[tuple[str, str, bytes], ...]:
    """The pinned maps: folder, name, `MAP`. They are in all folders below `base` but these others."""
    found: list[tuple[str, str, bytes]] = []
    for folder in files.names(base) or ():
        for name in files.names(f"{base}/{folder}") or () if folder not in others else ():
            fd = _opened(f"{base}/{folder}/{name}")
            if fd >= 0:
                found.append((folder, name, _described(fd, MAP.size)))
    return tuple(found)


@question
def programs(folder: str) -> tuple[tuple[str, str, str, bytes, tuple[tuple[int, bytes], ...], Optional[bytes]], ...]:
    """The pinned programs below OBJECT/DIGEST/FUNCTION: these three, `PROGRAM`, ids and names of maps, read-only data.

    Only read-only data that nobody can change any more count.
    """
    found: list[tuple[str, str, str, bytes, tuple[tuple[int, bytes], ...], Optional[bytes]]] = []
    known: dict[int, tuple[bytes, Optional[bytes]]] = {}
    for name in files.names(folder) or ():
        for digest in files.names(f"{folder}/{name}") or ():
            for function in files.names(f"{folder}/{name}/{digest}") or ():
                fd = _opened(f"{folder}/{name}/{digest}/{function}")
                if fd < 0:
                    continue
                about, used = _program(fd)
                for number in used:
                    if number not in known:
                        known[number] = _used(number)
                rodata = next((known[number][1] for number in used if known[number][0].endswith(_RODATA)), None)
                names = tuple((number, known[number][0]) for number in used)
                found.append((name, digest, function, about, names, rodata))
    return tuple(found)


def _program(fd: int) -> tuple[bytes, tuple[int, ...]]:
    """A program's description without the address that was asked with, and the ids of its maps."""
    ids = (c_uint32 * _ROOM)()
    request = PROGRAM.pack(0, 0, b"", 0, 0, 0, 0, 0, 0, _ROOM, ctypes.addressof(ids), b"")
    buffer = create_string_buffer(request, PROGRAM.size)
    try:
        call("bpf_obj_get_info_by_fd", fd, buffer, byref(c_uint32(PROGRAM.size)))
    finally:
        os.close(fd)
    kind, number, tag, jited, translated, _, _, loaded_at, user, count, _, name = PROGRAM.unpack(buffer.raw)
    about = PROGRAM.pack(kind, number, tag, jited, translated, 0, 0, loaded_at, user, count, 0, name)
    return about, tuple(ids[: min(count, _ROOM)])


def _used(number: int) -> tuple[bytes, Optional[bytes]]:
    """The name of a map that a program uses, and what is in it if it is read-only data."""
    fd = call("bpf_map_get_fd_by_id", number)
    try:
        _, _, _, size, _, _, name = MAP.unpack(info(fd, MAP.size))
        name = name.rstrip(b"\0")
        if not name.endswith(_RODATA) or not _is_frozen(fd):
            return name, None
        return name, value(fd, bytes(4), size)
    finally:
        os.close(fd)


def _is_frozen(fd: int) -> bool:
    """Whether no program and nobody else can write to the map any more."""
    with open(f"/proc/self/fdinfo/{fd}") as lines:
        return any(line.split() == ["frozen:", "1"] for line in lines)


def value(fd: int, key: bytes, size: int) -> Optional[bytes]:
    """The value of one key of a map."""
    found = create_string_buffer(size)
    try:
        call("bpf_map_lookup_elem", fd, key, found)
    except OSError as error:
        if error.errno == _ENOENT:
            return None
        raise
    return found.raw


@question
def links(folder: str) -> tuple[tuple[str, bytes], ...]:
    """The pinned links: name, `LINK`."""
    found: list[tuple[str, bytes]] = []
    for name in files.names(folder) or ():
        fd = _opened(f"{folder}/{name}")
        if fd >= 0:
            found.append((name, _described(fd, LINK.size)))
    return tuple(found)


@question
def chain(netns: str, index: int, direction: str) -> Optional[tuple[int, ...]]:
    """The ids of the programs at a tcx hook of a device, in the order they run; None where the kernel has no tcx."""
    ids, count, flags = (c_uint32 * _ROOM)(), c_uint32(_ROOM), c_uint32()
    try:
        with inside(netns):
            call("bpf_prog_query", index, TCX[direction], c_uint32(), byref(flags), ids, byref(count))
    except OSError as error:
        if error.errno == _EINVAL:
            return None
        raise
    return tuple(ids[: count.value])


def hook(index: int, point: int) -> ctypes.Array[ctypes.c_char]:
    """libbpf's `struct bpf_tc_hook`: a device's clsact hook, or several."""
    return create_string_buffer(_HOOK.pack(_HOOK.size, index, point, 0), _HOOK.size)


def own_filter(program: int = 0, flags: int = 0) -> ctypes.Array[ctypes.c_char]:
    """libbpf's `struct bpf_tc_opts` of netctl's filter; `program` is a file descriptor."""
    return create_string_buffer(_FILTER.pack(_FILTER.size, program, flags, 0, _HANDLE, _PRIORITY), _FILTER.size)


@question
def filtered(netns: str, index: int, direction: str) -> Optional[int]:
    """The id of the program in netctl's clsact filter, None where there is none."""
    wanted = own_filter()
    try:
        with inside(netns):
            call("bpf_tc_query", hook(index, CLSACT[direction]), wanted)
    except OSError as error:
        if error.errno in (_ENOENT, _EINVAL):
            return None
        raise
    return int(_FILTER.unpack(wanted.raw)[3])


@question
def title(number: int) -> str:
    """The name of a loaded program; its id's text where it has none, or is gone meanwhile."""
    try:
        fd = call("bpf_prog_get_fd_by_id", number)
    except OSError as error:
        if error.errno == _ENOENT:
            return f"program {number}"
        raise
    name: bytes = PROGRAM.unpack(_program(fd)[0])[11]
    return name.rstrip(b"\0").decode() or f"program {number}"


@question
def table(path: str) -> Optional[Content]:
    """All entries of a pinned map; None where there is no such pin."""
    fd = _opened(path)
    if fd < 0:
        return None
    try:
        return content(fd)
    finally:
        os.close(fd)


@question
def generation(folder: str, word: str, names: tuple[str, ...]) -> Optional[tuple[int, tuple[Content, ...]]]:
    """The word, and the tables in the slot that it names; None where not all is pinned."""
    pins: list[int] = []
    try:
        for name in (word, *names):
            fd = _opened(f"{folder}/{name}")
            if fd < 0:
                return None
            pins.append(fd)
        active = int.from_bytes(value(pins[0], bytes(4), 8) or b"", "little")
        return active, tuple(_inner(fd, active & 0xFF) for fd in pins[1:]) if active else ()
    finally:
        for fd in pins:
            os.close(fd)


def _inner(outer: int, slot: int) -> Content:
    """All entries of the map in a slot of an array of maps; an empty slot has none."""
    number = value(outer, slot.to_bytes(4, "little"), 4)
    if number is None:
        return 0, 4, 4, b"", b""
    fd = call("bpf_map_get_fd_by_id", int.from_bytes(number, "little"))
    try:
        return content(fd)
    finally:
        os.close(fd)


def content(fd: int) -> Content:
    """All entries of a map."""
    kind, _, key, size, most, _, _ = MAP.unpack(info(fd, MAP.size))
    if kind in PERCPU:
        size = (size + 7) // 8 * 8 * call("libbpf_num_possible_cpus")
    room = min(most, _MOST) if kind in ARRAYS else most
    keys, values = create_string_buffer(key * room), create_string_buffer(size * room)
    token = create_string_buffer(max(key, 8))
    place, more = None, True
    parts: list[tuple[bytes, bytes]] = []
    while more:
        count = c_uint32(room)
        try:
            call("bpf_map_lookup_batch", fd, place, token, keys, values, byref(count), None)
        except OSError as error:
            if error.errno != _ENOENT:
                raise
            more = False
        place = token
        parts.append((ctypes.string_at(keys, key * count.value), ctypes.string_at(values, size * count.value)))
    return kind, key, size, b"".join([part[0] for part in parts]), b"".join([part[1] for part in parts])
