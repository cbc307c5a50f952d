"""HOST: the network half of the real kernel: rtnetlink behind the port; what it refuses is a `HostError`."""

from __future__ import annotations

import os
import struct
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from typing import Optional, TypeVar, Union

from state.host import read, write
from state.host.files import read_sysctl, write_sysctl
from state.host.netlink import NETNS_FOLDER, Refusal, Request, Socket, attribute, attributes, inside, number
from state.kernel import Address, Link, Neighbour, Route, Rule, Settings, Thing, Veth, Vxlan
from state.problem import HostError, Problem

T = TypeVar("T")


class LinuxNet:
    """The network of the host: of the calling process's namespace, or of `home` where one is named."""

    def __init__(self, home: str = "") -> None:
        self._home = home

    @contextmanager
    def _socket(self, netns: str = "") -> Generator[Socket, None, None]:
        # Not kept: an open socket would keep a namespace alive that somebody has deleted.
        socket = Socket(netns or self._home)
        try:
            yield socket
        finally:
            socket.close()

    def _read(self, netns: str, what: str, take: Callable[[Socket], T]) -> T:
        try:
            with self._socket(netns) as socket:
                return take(socket)
        except OSError as error:
            where = f" of netns {netns}" if netns else ""
            raise HostError.of(f"cannot read the {what}{where}: {error.strerror}") from error

    def links(self, netns: str = "") -> list[Link]:
        """All devices of a namespace."""

        def take(socket: Socket) -> list[Link]:
            known: list[Mapping[int, str]] = []

            def namespaces() -> Mapping[int, str]:
                if netns:
                    return {}  # a hundred namespaces would each ask for the names of a hundred
                if not known:
                    known.append(_namespaces(socket))
                return known[0]

            return read.links(socket, namespaces)

        return self._read(netns, "devices", take)

    def addresses(self, netns: str = "") -> list[Address]:
        """All addresses of a namespace."""
        return self._read(netns, "addresses", lambda socket: read.addresses(socket, netns))

    def neighbours(self, netns: str = "") -> list[Neighbour]:
        """The neighbours of a namespace that are permanent or somebody's."""
        return self._read(netns, "neighbours", lambda socket: read.neighbours(socket, netns))

    def routes(self, netns: str = "", within: Optional[Sequence[str]] = None) -> list[Route]:
        """Routes of every table; with `within` netctl's own, and those of others to places inside these networks."""
        return self._read(netns, "routes", lambda socket: read.routes(socket, netns, within))

    def rules(self) -> list[Rule]:
        """The routing rules of the host's own namespace."""
        return self._read("", "rules", read.rules)

    def route_to(self, address: str) -> Optional[Route]:
        """The route the host itself would take to an address; None where there is none."""
        family, raw = write.family_of(address), write.packed(address)
        body = read.ROUTE.pack(family, len(raw) * 8, 0, 0, 0, 0, 0, 0, 0) + attribute(1, raw)
        with self._socket() as socket:
            try:
                return read.route(socket.get(read.GETROUTE, body), "", read.names(socket))
            except OSError:
                return None

    def create(self, device: Union[Veth, Vxlan]) -> None:
        """Make a device with its mark."""
        if isinstance(device, Vxlan):
            self._make(write.create(device, -1))
            return
        target = os.open(f"{NETNS_FOLDER}/{device.netns}", os.O_RDONLY | os.O_CLOEXEC)
        try:
            self._make(write.create(device, target))
        finally:
            os.close(target)
        self._run(device.netns, [write.mark(device.peer, device.mark)])

    def _make(self, requests: Sequence[Request]) -> None:
        """Make a device and mark it; one that cannot be marked, because another device has its mark, is not kept."""
        with self._socket() as socket:
            refused = socket.run(requests)
            if len(refused) == 1 and refused[0].request is not requests[0]:
                socket.run([write.delete_link(requests[0].what.split()[-1])])
            _raise(refused[:1], "set")

    def configure(self, name: str, settings: Settings, netns: str = "") -> None:
        """Change an existing device."""
        with inside(netns or self._home):
            if settings.accept_ra is not None and read_sysctl(f"net/ipv6/conf/{name}/accept_ra") is not None:
                write_sysctl(f"net/ipv6/conf/{name}/accept_ra", str(settings.accept_ra))
            if settings.ipv6 is not None:
                _speak_ipv6(name, settings.ipv6)
            ipv6 = settings.link_local is not None and read_sysctl(f"net/ipv6/conf/{name}/addr_gen_mode") is not None
        self._run(netns, write.settings(name, settings, ipv6))

    def delete(self, name: str) -> None:
        """Remove a device of the host's own namespace."""
        self._run("", [write.delete_link(name)])

    def put(self, things: Sequence[Thing]) -> None:
        """Add or replace, in the order given."""
        for netns, group in _by_namespace(things).items():
            with self._socket(netns) as socket:
                devices = _indexes(socket)
                absent = [thing for thing in group if _device(thing) not in devices]
                if absent:
                    raise HostError(*(_no_device(thing) for thing in absent))
                _raise(socket.run([write.put(thing, devices) for thing in group]), "set")

    def remove(self, things: Sequence[Thing]) -> None:
        """Remove, in the order given; what is gone is fine, and so is a namespace that is."""
        for netns, group in _by_namespace(things).items():
            if netns and not os.path.exists(f"{NETNS_FOLDER}/{netns}"):
                continue
            with self._socket(netns) as socket:
                devices = _indexes(socket)
                there = [thing for thing in group if _device(thing) in devices]
                _raise(socket.run([write.remove(thing, devices) for thing in there]), "remove")

    def _run(self, netns: str, requests: Sequence[Request]) -> None:
        if requests:
            with self._socket(netns) as socket:
                _raise(socket.run(requests), "set")


def _speak_ipv6(name: str, wanted: bool) -> None:
    if read_sysctl(f"net/ipv6/conf/{name}/disable_ipv6") is not None:
        write_sysctl(f"net/ipv6/conf/{name}/disable_ipv6", "0" if wanted else "1")
    elif wanted:
        raise HostError.of(f"device {name}: this kernel has no IPv6", "Remove ranges.endpoints.ipv6, or boot with it.")


def _namespaces(socket: Socket) -> dict[int, str]:
    """The names in /run/netns by the number the kernel uses for each in the socket's own namespace."""
    found: dict[int, str] = {}
    for name in sorted(os.listdir(NETNS_FOLDER)) if os.path.isdir(NETNS_FOLDER) else []:
        try:
            target = os.open(f"{NETNS_FOLDER}/{name}", os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            continue
        try:
            answer = socket.get(read.GETNSID, struct.pack("=Bxxx", 0) + number(3, target))
        except OSError:
            continue  # a file that is no namespace
        finally:
            os.close(target)
        found.setdefault(struct.unpack("=i", attributes(answer, 4)[1])[0], name)
    found.pop(-1, None)
    return found


def _indexes(socket: Socket) -> dict[str, int]:
    indexes = {name: index for index, name in read.names(socket).items()}
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
    what = write.describe(thing)
    return Problem(f"{what}: there is no device {_device(thing)}", "Plan again: the host has changed.", what)


def _raise(refused: Sequence[Refusal], verb: str) -> None:
    if refused:
        raise HostError(*(_problem(refusal, verb) for refusal in refused))


def _problem(refusal: Refusal, verb: str) -> Problem:
    what = refusal.request.what
    return Problem(f"{what}: the kernel refused to {verb} it: {refusal}", address=what)
