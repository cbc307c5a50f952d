"""HOST: programs at hooks of devices: tcx links where the kernel has them, clsact filters before that. Replaced in one step."""

from __future__ import annotations

import ctypes
import os
import struct
from ctypes import byref, c_uint32
from typing import Optional

from bpf import libbpf, objects
from bpf.libbpf import BpfError, call
from bpf.maps import held

EINVAL, ENOENT, EEXIST = 22, 2, 17
HANDLE, PRIORITY = 0x6E, 1
"""Where netctl's filter stands on a clsact hook, and thereby which is netctl's: first in line, with a handle of its own."""

_LINK = struct.Struct("<IIIIII")
_ROOM = 64
_REPLACE = 1
_BOTH = libbpf.CLSACT["ingress"] | libbpf.CLSACT["egress"]


def has_tcx() -> bool:
    """Whether this kernel knows tcx, asked of the loopback device, which every namespace has."""
    try:
        chain(1, "ingress")
    except BpfError as error:
        if error.errno == EINVAL:
            return False
        raise
    return True


def chain(ifindex: int, direction: str) -> list[int]:
    """The ids of the programs at a tcx hook, in the order they run."""
    ids, count, flags = (c_uint32 * _ROOM)(), c_uint32(_ROOM), c_uint32()
    call(
        "ask what is attached",
        "bpf_prog_query",
        ifindex,
        libbpf.TCX[direction],
        0,
        byref(flags),
        ids,
        byref(count),
    )
    return list(ids[: count.value])


def link_target(link_fd: int) -> tuple[int, int]:
    """The device's index and the program's id of a tcx link; index 0 where the link is detached or its device is gone."""
    _, _, program, _, ifindex, _ = _LINK.unpack(libbpf.info(link_fd, _LINK.size))
    return ifindex, program


def link(program_fd: int, ifindex: int, direction: str) -> int:
    """A new link that makes the program the first one at the hook."""
    opts = libbpf.LinkCreateOpts(sz=ctypes.sizeof(libbpf.LinkCreateOpts), flags=libbpf.BPF_F_BEFORE)
    return call("attach a program", "bpf_link_create", program_fd, ifindex, libbpf.TCX[direction], byref(opts))


def relink(link_fd: int, program_fd: int) -> None:
    """Replace the link's program; no packet sees the hook empty."""
    opts = libbpf.LinkUpdateOpts(sz=ctypes.sizeof(libbpf.LinkUpdateOpts))
    call("replace an attached program", "bpf_link_update", link_fd, program_fd, byref(opts))


def name_of(program: int) -> str:
    """The name of a loaded program; its id's text where it is gone meanwhile."""
    try:
        with held(call("open a program", "bpf_prog_get_fd_by_id", program)) as fd:
            return objects.program(fd).name or f"program {program}"
    except BpfError as error:
        if error.errno == ENOENT:
            return f"program {program}"
        raise


def _hook(ifindex: int, point: int) -> libbpf.TcHook:
    return libbpf.TcHook(sz=ctypes.sizeof(libbpf.TcHook), ifindex=ifindex, attach_point=point)


def _filter(program_fd: int = 0, flags: int = 0) -> libbpf.TcOpts:
    size = ctypes.sizeof(libbpf.TcOpts)
    return libbpf.TcOpts(sz=size, prog_fd=program_fd, flags=flags, handle=HANDLE, priority=PRIORITY)


def filtered(ifindex: int, direction: str) -> Optional[int]:
    """The id of the program in netctl's clsact filter, None where there is none."""
    opts = _filter()
    try:
        call("ask for a filter", "bpf_tc_query", byref(_hook(ifindex, libbpf.CLSACT[direction])), byref(opts))
    except BpfError as error:
        if error.errno in (ENOENT, EINVAL):
            return None
        raise
    return int(opts.prog_id)


def make_qdisc(ifindex: int) -> bool:
    """Give the device a clsact qdisc; False where it has one."""
    try:
        call("add a clsact qdisc", "bpf_tc_hook_create", byref(_hook(ifindex, _BOTH)))
    except BpfError as error:
        if error.errno == EEXIST:
            return False
        raise
    return True


def drop_qdisc(ifindex: int) -> None:
    """Remove the clsact qdisc of a device."""
    try:
        call("remove a clsact qdisc", "bpf_tc_hook_destroy", byref(_hook(ifindex, _BOTH)))
    except BpfError as error:
        if error.errno not in (ENOENT, EINVAL):
            raise


def put_filter(program_fd: int, ifindex: int, direction: str) -> None:
    """Make the program netctl's filter at the hook; what is there is replaced in one step."""
    opts = _filter(program_fd, _REPLACE)
    call("attach a filter", "bpf_tc_attach", byref(_hook(ifindex, libbpf.CLSACT[direction])), byref(opts))


def drop_filter(ifindex: int, direction: str) -> None:
    """Remove netctl's filter from a hook."""
    opts = _filter()
    try:
        call("remove a filter", "bpf_tc_detach", byref(_hook(ifindex, libbpf.CLSACT[direction])), byref(opts))
    except BpfError as error:
        if error.errno not in (ENOENT, EINVAL):
            raise


def open_program(program: int) -> int:
    """A file descriptor of the program with this id."""
    return call("open a program", "bpf_prog_get_fd_by_id", program)


def close(fd: int) -> None:
    """Close a file descriptor."""
    os.close(fd)
