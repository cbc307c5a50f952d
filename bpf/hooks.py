"""HOST: programs at hooks of devices: tcx links where the kernel has them, clsact filters before that."""

from __future__ import annotations

import ctypes
import struct
from ctypes import byref
from typing import Optional

from bpf import libbpf, sight
from bpf.libbpf import BpfError, asked, call
from bpf.sight import CLSACT, TCX
from state.host import netlink

EINVAL, ENOENT, EEXIST = 22, 2, 17

_REPLACE = 1
_GET_FILTER = 46
_TC_MESSAGE = struct.Struct("=B3xiIII")
_PARENTS = {"ingress": 0xFFFFFFF2, "egress": 0xFFFFFFF3}
_BOTH = CLSACT["ingress"] | CLSACT["egress"]


def has_tcx(netns: str = "") -> bool:
    """Whether this kernel has tcx, asked of the loopback device, which every namespace has."""
    return asked("ask what is attached", sight.chain, netns, 1, "ingress") is not None


def chain(netns: str, index: int, direction: str) -> tuple[int, ...]:
    """The ids of the programs at a tcx hook, in the order they run."""
    return asked("ask what is attached", sight.chain, netns, index, direction) or ()


def link_target(raw: bytes) -> tuple[int, int]:
    """The device's index and the program's id of a tcx link; index 0 where it is detached or its device is gone."""
    _, _, program, _, index, _ = sight.LINK.unpack(raw)
    return index, program


def target_of(link_fd: int) -> tuple[int, int]:
    """The same of an open link."""
    return link_target(libbpf.info(link_fd, sight.LINK.size))


def link(program_fd: int, ifindex: int, direction: str) -> int:
    """A new link that makes the program the first one at the hook."""
    opts = libbpf.LinkCreateOpts(sz=ctypes.sizeof(libbpf.LinkCreateOpts), flags=libbpf.BPF_F_BEFORE)
    return call("attach a program", "bpf_link_create", program_fd, ifindex, TCX[direction], byref(opts))


def relink(link_fd: int, program_fd: int) -> None:
    """Replace the link's program; no packet sees the hook empty."""
    opts = libbpf.LinkUpdateOpts(sz=ctypes.sizeof(libbpf.LinkUpdateOpts))
    call("replace an attached program", "bpf_link_update", link_fd, program_fd, byref(opts))


def detach(link_fd: int) -> None:
    """Take a link's program off its hook."""
    call("detach a program", "bpf_link_detach", link_fd)


def name_of(program: int) -> str:
    """The name of a loaded program; its id's text where it is gone meanwhile."""
    return asked("ask about a program", sight.title, program)


def filtered(netns: str, index: int, direction: str) -> Optional[int]:
    """The id of the program in netctl's clsact filter, None where there is none."""
    return asked("ask for a filter", sight.filtered, netns, index, direction)


def make_qdisc(ifindex: int) -> bool:
    """Give the device a clsact qdisc; False where it has one."""
    try:
        call("add a clsact qdisc", "bpf_tc_hook_create", sight.hook(ifindex, _BOTH))
    except BpfError as error:
        if error.errno == EEXIST:
            return False
        raise
    return True


def drop_qdisc(ifindex: int) -> None:
    """Remove the clsact qdisc of a device."""
    try:
        call("remove a clsact qdisc", "bpf_tc_hook_destroy", sight.hook(ifindex, _BOTH))
    except BpfError as error:
        if error.errno not in (ENOENT, EINVAL):
            raise


def put_filter(program_fd: int, ifindex: int, direction: str) -> None:
    """Make the program netctl's filter at the hook; what is there is replaced in one step."""
    opts = sight.own_filter(program_fd, _REPLACE)
    call("attach a filter", "bpf_tc_attach", sight.hook(ifindex, CLSACT[direction]), opts)


def drop_filter(ifindex: int, direction: str) -> None:
    """Remove netctl's filter from a hook."""
    try:
        call("remove a filter", "bpf_tc_detach", sight.hook(ifindex, CLSACT[direction]), sight.own_filter())
    except BpfError as error:
        if error.errno not in (ENOENT, EINVAL):
            raise


def has_filters(ifindex: int) -> bool:
    """Whether anybody has a filter on the device's clsact qdisc."""
    with netlink.Socket() as connection:
        return any(_filters(connection, ifindex, parent) for parent in _PARENTS.values())


def _filters(connection: netlink.Socket, ifindex: int, parent: int) -> list[bytes]:
    found: list[bytes] = []
    connection.dump(_GET_FILTER, _TC_MESSAGE.pack(0, ifindex, 0, parent, 0), found.append, found.clear)
    return found
