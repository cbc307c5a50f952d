"""HOST: libbpf.so.1 through ctypes: signatures, structures, and its errors as exceptions with the verifier's words.

Everything else about ctypes stays in this folder: nobody outside `bpf` sees a pointer or a file descriptor.
"""

from __future__ import annotations

import ctypes
import os
from ctypes import POINTER, c_bool, c_char_p, c_int, c_size_t, c_uint32, c_uint64, c_void_p
from functools import cache
from typing import Any, Callable, TypeVar

from bpf import sight
from state.problem import HostError, Problem

BPF_ANY = 0
BPF_F_NO_PREALLOC = 1
BPF_F_INNER_MAP = 1 << 12
BPF_F_BEFORE = 1 << 3
BPF_F_REPLACE = 1 << 2
MAP_TYPES = {
    "hash": 1,
    "array": 2,
    "percpu_hash": 5,
    "percpu_array": 6,
    "lru_hash": 9,
    "lru_percpu_hash": 10,
    "lpm_trie": 11,
    "array_of_maps": 12,
    "hash_of_maps": 13,
    "ringbuf": 27,
}
MAP_TYPE_NAMES = {number: name for name, number in MAP_TYPES.items()}
LOG_LINES = 60

T = TypeVar("T")


class BpfError(HostError):
    """The kernel or libbpf refused something; `errno` says why, the problem's detail is the verifier's log."""

    def __init__(self, number: int, doing: str, log: str = "") -> None:
        hint = log
        if number == 1 and not log:
            hint = "The kernel gives no reason. CAP_BPF and CAP_NET_ADMIN are needed; lockdown may forbid it too."
        super().__init__(Problem(f"cannot {doing}: {os.strerror(number)}", hint))
        self.errno = number


class MapCreateOpts(ctypes.Structure):
    _fields_ = (
        ("sz", c_size_t),
        ("btf_fd", c_uint32),
        ("btf_key_type_id", c_uint32),
        ("btf_value_type_id", c_uint32),
        ("btf_vmlinux_value_type_id", c_uint32),
        ("inner_map_fd", c_uint32),
        ("map_flags", c_uint32),
        ("map_extra", c_uint64),
        ("numa_node", c_uint32),
        ("map_ifindex", c_uint32),
    )


class LinkCreateOpts(ctypes.Structure):
    _fields_ = (
        ("sz", c_size_t),
        ("flags", c_uint32),
        ("iter_info", c_void_p),
        ("iter_info_len", c_uint32),
        ("target_btf_id", c_uint32),
        ("union", ctypes.c_ubyte * 32),
    )


class LinkUpdateOpts(ctypes.Structure):
    _fields_ = (("sz", c_size_t), ("flags", c_uint32), ("old_prog_fd", c_uint32))


class BatchOpts(ctypes.Structure):
    _fields_ = (("sz", c_size_t), ("elem_flags", c_uint64), ("flags", c_uint64))


class OpenOpts(ctypes.Structure):
    _fields_ = (
        ("sz", c_size_t),
        ("object_name", c_char_p),
        ("relaxed_maps", c_bool),
        ("pin_root_path", c_char_p),
        ("stub", c_uint32),
        ("kconfig", c_char_p),
        ("btf_custom_path", c_char_p),
        ("kernel_log_buf", c_void_p),
        ("kernel_log_size", c_size_t),
        ("kernel_log_level", c_uint32),
    )


RING_CALLBACK = ctypes.CFUNCTYPE(c_int, c_void_p, c_void_p, c_size_t)
_PRINT_CALLBACK = ctypes.CFUNCTYPE(c_int, c_int, c_char_p, c_void_p)
_FD = c_int
_SIGNATURES: dict[str, tuple[Any, tuple[Any, ...]]] = {
    "libbpf_set_print": (c_void_p, (_PRINT_CALLBACK,)),
    "libbpf_num_possible_cpus": (c_int, ()),
    "bpf_object__open_mem": (c_void_p, (c_void_p, c_size_t, POINTER(OpenOpts))),
    "bpf_object__load": (c_int, (c_void_p,)),
    "bpf_object__close": (None, (c_void_p,)),
    "bpf_object__next_program": (c_void_p, (c_void_p, c_void_p)),
    "bpf_object__next_map": (c_void_p, (c_void_p, c_void_p)),
    "bpf_program__name": (c_char_p, (c_void_p,)),
    "bpf_program__fd": (c_int, (c_void_p,)),
    "bpf_map__name": (c_char_p, (c_void_p,)),
    "bpf_map__fd": (c_int, (c_void_p,)),
    "bpf_map__reuse_fd": (c_int, (c_void_p, _FD)),
    "bpf_map__initial_value": (c_void_p, (c_void_p, POINTER(c_size_t))),
    "bpf_map_create": (
        c_int,
        (c_int, c_char_p, c_uint32, c_uint32, c_uint32, POINTER(MapCreateOpts)),
    ),
    "bpf_obj_pin": (c_int, (_FD, c_char_p)),
    "bpf_obj_get": (c_int, (c_char_p,)),
    "bpf_obj_get_info_by_fd": (c_int, (_FD, c_void_p, POINTER(c_uint32))),
    "bpf_map_get_fd_by_id": (c_int, (c_uint32,)),
    "bpf_prog_get_fd_by_id": (c_int, (c_uint32,)),
    "bpf_map_lookup_elem": (c_int, (_FD, c_void_p, c_void_p)),
    "bpf_map_update_elem": (c_int, (_FD, c_void_p, c_void_p, c_uint64)),
    "bpf_map_delete_elem": (c_int, (_FD, c_void_p)),
    "bpf_map_get_next_key": (c_int, (_FD, c_void_p, c_void_p)),
    "bpf_map_lookup_batch": (
        c_int,
        (_FD, c_void_p, c_void_p, c_void_p, c_void_p, POINTER(c_uint32), POINTER(BatchOpts)),
    ),
    "bpf_map_update_batch": (c_int, (_FD, c_void_p, c_void_p, POINTER(c_uint32), POINTER(BatchOpts))),
    "bpf_link_create": (c_int, (_FD, c_int, c_int, POINTER(LinkCreateOpts))),
    "bpf_link_update": (c_int, (_FD, _FD, POINTER(LinkUpdateOpts))),
    "bpf_link_detach": (c_int, (_FD,)),
    "bpf_prog_query": (c_int, (c_int, c_int, c_uint32, POINTER(c_uint32), POINTER(c_uint32), POINTER(c_uint32))),
    "bpf_tc_hook_create": (c_int, (c_void_p,)),
    "bpf_tc_hook_destroy": (c_int, (c_void_p,)),
    "bpf_tc_attach": (c_int, (c_void_p, c_void_p)),
    "bpf_tc_detach": (c_int, (c_void_p, c_void_p)),
    "ring_buffer__new": (c_void_p, (_FD, RING_CALLBACK, c_void_p, c_void_p)),
    "ring_buffer__poll": (c_int, (c_void_p, c_int)),
    "ring_buffer__free": (None, (c_void_p,)),
}

_said: list[str] = []


def _listen(_level: int, form: bytes, arguments: int) -> int:
    text = ctypes.create_string_buffer(1 << 20)
    ctypes.CDLL(None).vsnprintf(text, c_size_t(len(text)), form, c_void_p(arguments))
    if _level == 0:
        _said.append(text.value.decode(errors="replace"))
    return 0


_print_callback = _PRINT_CALLBACK(_listen)


@cache
def library() -> ctypes.CDLL:
    """libbpf, with signatures set and its warnings collected. Raises HostError with a sentence where it is missing."""
    try:
        sight.library()  # it silences libbpf, so it goes first
        loaded = ctypes.CDLL("libbpf.so.1", use_errno=True)
        for name, (result, arguments) in _SIGNATURES.items():
            function = getattr(loaded, name)
            function.restype, function.argtypes = result, arguments
    except (OSError, AttributeError) as reason:
        raise HostError(
            Problem(
                "libbpf.so.1 is missing", f"Install libbpf (Debian: apt-get install libbpf1). The loader said: {reason}"
            )
        ) from None
    loaded.libbpf_set_print(_print_callback)
    return loaded


def call(doing: str, name: str, *arguments: Any) -> int:
    """What the function returns, where it is not negative. `doing` completes the sentence "cannot ..."."""
    function = getattr(library(), name)
    _said.clear()
    result: int = function(*arguments)
    if result < 0:
        raise BpfError(-result if result != -1 else ctypes.get_errno() or 1, doing, said())
    return result


def pointer(doing: str, name: str, *arguments: Any) -> int:
    """The pointer that the function returns, where it is not NULL."""
    function = getattr(library(), name)
    _said.clear()
    result = function(*arguments)
    if not result:
        raise BpfError(ctypes.get_errno(), doing, said())
    return int(result)


def said() -> str:
    """What libbpf and the verifier had to say about the last call: the last lines of it."""
    lines = "".join(_said).splitlines()
    return "\n".join(lines[-LOG_LINES:])


def asked(doing: str, ask: Callable[..., T], *words: Any) -> T:
    """The answer of a function that raises OSError where it has none. `doing` completes the sentence "cannot ..."."""
    try:
        return ask(*words)
    except OSError as error:
        raise BpfError(error.errno or 1, doing) from error


def info(fd: int, size: int) -> bytes:
    """The kernel's description of what a file descriptor stands for, `size` bytes of it at most."""
    return asked("ask about a BPF object", sight.info, fd, size)
