"""HOST: the network half of the real kernel: rtnetlink behind the port; what it refuses is a `HostError`."""

from __future__ import annotations

import os
import struct
from _socket import inet_pton
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from typing import Optional, TypeVar, Union

from state.host import read
from state.host.netlink import NETNS_FOLDER, Socket, attribute, attributes, number
from state.kernel import Address, Link, Neighbour, Route, Rule, Settings, Thing, Veth, Vxlan
from state.problem import HostError

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
        family = read.family_of(address)
        raw = inet_pton(family, address)
        body = read.ROUTE.pack(family, len(raw) * 8, 0, 0, 0, 0, 0, 0, 0) + attribute(1, raw)
        with self._socket() as socket:
            try:
                return read.route(socket.get(read.GETROUTE, body), "", read.names(socket))
            except OSError:
                return None

    def create(self, device: Union[Veth, Vxlan]) -> None:
        """Make a device with its mark."""
        from state.host import write

        write.create(self._home, device)

    def configure(self, name: str, settings: Settings, netns: str = "") -> None:
        """Change an existing device."""
        from state.host import write

        write.configure(netns or self._home, name, settings)

    def delete(self, name: str) -> None:
        """Remove a device of the host's own namespace."""
        from state.host import write

        write.delete(self._home, name)

    def put(self, things: Sequence[Thing]) -> None:
        """Add or replace, in the order given."""
        from state.host import write

        write.put(self._home, things)

    def remove(self, things: Sequence[Thing]) -> None:
        """Remove, in the order given; what is gone is fine, and so is a namespace that is."""
        from state.host import write

        write.remove(self._home, things)


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
