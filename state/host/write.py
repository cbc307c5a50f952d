"""HOST: the writing half of the network, imported when there is something to write; a refusal is a `HostError`."""

from __future__ import annotations

import errno
import os
from collections.abc import Sequence
from typing import Union

from state.host import dumps, messages, read
from state.host.netlink import NETNS_FOLDER, Socket, inside
from state.host.request import Refusal, Request, carry_out
from state.host.sysctls import read_sysctl, write_sysctl
from state.kernel import Rule, Settings, Thing, Veth, Vxlan
from state.problem import HostError, Problem


def create(home: str, device: Union[Veth, Vxlan]) -> None:
    """Make a device with its mark, in the namespace `home` stands for."""
    if isinstance(device, Vxlan):
        _make(home, messages.create(device, -1))
        return
    target = os.open(f"{NETNS_FOLDER}/{device.netns}", os.O_RDONLY | os.O_CLOEXEC)
    try:
        _make(home, messages.create(device, target))
    finally:
        os.close(target)
    _run(device.netns, [messages.mark(device.peer, device.mark)])


def _make(home: str, requests: Sequence[Request]) -> None:
    """Make a device and mark it; one that cannot be marked, because another device has its mark, is not kept."""
    with Socket(home) as socket:
        refused = carry_out(socket, requests)
        if len(refused) == 1 and refused[0].request is not requests[0]:
            carry_out(socket, [messages.delete_link(requests[0].what.split()[-1])])
        _raise(refused[:1], "set")


def mark(name: str, alternative: str) -> None:
    """Give a device of the calling thread's own namespace an alternative name."""
    _run("", [messages.mark(name, alternative)])


def configure(netns: str, name: str, settings: Settings) -> None:
    """Change an existing device."""
    with inside(netns):
        if settings.accept_ra is not None and read_sysctl(f"net/ipv6/conf/{name}/accept_ra") is not None:
            write_sysctl(f"net/ipv6/conf/{name}/accept_ra", str(settings.accept_ra))
        if settings.ipv6 is not None:
            _speak_ipv6(name, settings.ipv6)
        if settings.rp_filter is not None:
            _filter_paths(name, settings.rp_filter)
        ipv6 = settings.link_local is not None and read_sysctl(f"net/ipv6/conf/{name}/addr_gen_mode") is not None
    _run(netns, messages.settings(name, settings, ipv6))


def _speak_ipv6(name: str, wanted: bool) -> None:
    if read_sysctl(f"net/ipv6/conf/{name}/disable_ipv6") is not None:
        write_sysctl(f"net/ipv6/conf/{name}/disable_ipv6", "0" if wanted else "1")
    elif wanted:
        raise HostError.of(f"device {name}: this kernel has no IPv6", "Remove ranges.endpoints.ipv6, or boot with it.")


def _filter_paths(name: str, mode: int) -> None:
    # Not by netlink: pyroute2 knows these settings of IPv4 as the kernel shows them, not as it takes them.
    if read_sysctl(f"net/ipv4/conf/{name}/rp_filter") is None:
        raise HostError.of(
            f"device {name}: the kernel refused to set it: {os.strerror(errno.ENODEV)}", "", f"device {name}"
        )
    write_sysctl(f"net/ipv4/conf/{name}/rp_filter", str(mode))


def delete(home: str, name: str) -> None:
    """Remove a device."""
    _run(home, [messages.delete_link(name)])


def put(home: str, things: Sequence[Thing]) -> None:
    """Add or replace, in the order given."""
    for netns, group in _by_namespace(things).items():
        devices = _indexes(netns or home)
        with Socket(netns or home) as socket:
            absent = [thing for thing in group if _device(thing) not in devices]
            if absent:
                raise HostError(*(_no_device(thing) for thing in absent))
            _raise(carry_out(socket, [messages.put(thing, devices) for thing in group]), "set")


def remove(home: str, things: Sequence[Thing]) -> None:
    """Remove, in the order given; what is gone is fine, and so is a namespace that is."""
    for netns, group in _by_namespace(things).items():
        if netns and not os.path.exists(f"{NETNS_FOLDER}/{netns}"):
            continue
        devices = _indexes(netns or home)
        with Socket(netns or home) as socket:
            there = [thing for thing in group if _device(thing) in devices]
            _raise(carry_out(socket, [messages.remove(thing, devices) for thing in there]), "remove")


def _run(netns: str, requests: Sequence[Request]) -> None:
    if requests:
        with Socket(netns) as socket:
            _raise(carry_out(socket, requests), "set")


def _indexes(netns: str) -> dict[str, int]:
    indexes = {name: index for index, name in read.names(dumps.links(netns)).items()}
    indexes[""] = 0
    return indexes


def _device(thing: Thing) -> str:
    return "" if isinstance(thing, Rule) else thing.device


def _by_namespace(things: Sequence[Thing]) -> dict[str, list[Thing]]:
    groups: dict[str, list[Thing]] = {}
    for thing in things:
        groups.setdefault("" if isinstance(thing, Rule) else thing.netns, []).append(thing)
    return groups


def _no_device(thing: Thing) -> Problem:
    what = messages.describe(thing)
    return Problem(f"{what}: there is no device {_device(thing)}", "Plan again: the host has changed.", what)


def _raise(refused: Sequence[Refusal], verb: str) -> None:
    if refused:
        raise HostError(*(_problem(refusal, verb) for refusal in refused))


def _problem(refusal: Refusal, verb: str) -> Problem:
    what = refusal.request.what
    return Problem(f"{what}: the kernel refused to {verb} it: {refusal}", address=what)
