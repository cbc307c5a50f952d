"""HOST: the network half of the real kernel: rtnetlink behind the port; what it refuses is a `HostError`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Optional, TypeVar, Union

from state.host import dumps, read
from state.kernel import Address, Link, Neighbour, Route, Rule, Settings, Thing, Veth, Vxlan
from state.naming import PROTOCOL
from state.problem import HostError

T = TypeVar("T")


class LinuxNet:
    """The network of the host: of the calling process's namespace, or of `home` where one is named."""

    def __init__(self, home: str = "") -> None:
        self._home = home

    def _read(self, netns: str, what: str, ask: Callable[[str], T]) -> T:
        try:
            return ask(netns or self._home)
        except OSError as error:
            where = f" of netns {netns}" if netns else ""
            raise HostError.of(f"cannot read the {what}{where}: {error.strerror}") from error

    def _names(self, netns: str, messages: Sequence[bytes]) -> Mapping[int, str]:
        """The names of a namespace's devices, where there is anything to name them for."""
        return read.names(self._read(netns, "devices", dumps.links)) if messages else {}

    def links(self, netns: str = "") -> list[Link]:
        """All devices of a namespace."""

        known: list[Mapping[int, str]] = []

        def namespaces() -> Mapping[int, str]:
            if netns:
                return {}  # a hundred namespaces would each ask for the names of a hundred
            if not known:
                known.append(dict(dumps.namespaces(self._home)))
            return known[0]

        return read.links(self._read(netns, "devices", dumps.links), namespaces)

    def addresses(self, netns: str = "") -> list[Address]:
        """All addresses of a namespace."""
        messages = self._read(netns, "addresses", dumps.addresses)
        return read.addresses(messages, netns, self._names(netns, messages))

    def neighbours(self, netns: str = "") -> list[Neighbour]:
        """The neighbours of a namespace that are permanent or somebody's."""
        messages = self._read(netns, "neighbours", dumps.neighbours)
        return read.neighbours(messages, netns, self._names(netns, messages))

    def routes(self, netns: str = "", within: Optional[Sequence[str]] = None) -> list[Route]:
        """Routes of every table; with `within` netctl's own, and those of others to places inside these networks."""
        places = None if within is None else tuple(within)
        messages = self._read(netns, "routes", lambda where: dumps.routes(where, places, PROTOCOL))
        return read.routes(messages, netns, self._names(netns, messages))

    def rules(self) -> list[Rule]:
        """The routing rules of the host's own namespace."""
        return read.rules(self._read("", "rules", dumps.rules))

    def route_to(self, address: str) -> Optional[Route]:
        """The route the host itself would take to an address; None where there is none."""
        message = dumps.way(self._home, address)
        return read.route(message, "", self._names("", [message])) if message else None

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
