"""BOTH SIDES: what addresses, neighbours, routes and rules share: the port's records, marked by protocol."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cache
from ipaddress import ip_network
from types import MappingProxyType
from typing import TypeVar, cast

from state.change import Action, Change, Found
from state.facts import Scope
from state.kernel import Kernel, Thing
from state.kinds.kind import Kind
from state.naming import PROTOCOL, is_mark

T = TypeVar("T", bound=Thing)


class Marked(Kind[T]):
    """A kind whose values the kernel keeps with the number of who made them."""

    usual = MappingProxyType({"protocol": PROTOCOL})

    def apply(self, kernel: Kernel, changes: Sequence[Change]) -> None:
        """Remove what goes, then set what comes, each in one pass."""
        going = [cast(T, change.before) for change in changes if change.action in (Action.DELETE, Action.REPLACE)]
        coming = [cast(T, change.after) for change in changes if change.action is not Action.DELETE]
        kernel.net.remove(going)
        kernel.net.put(coming)


def found(things: Iterable[tuple[str, T]]) -> dict[str, Found[T]]:
    """Things by address; of two with one address netctl's own wins, and a second one of its own is told apart."""
    seen: dict[str, Found[T]] = {}
    for address, thing in sorted(things, key=lambda item: item[1].protocol != PROTOCOL):
        owned = thing.protocol == PROTOCOL
        if address not in seen:
            seen[address] = Found(thing, owned)
        elif owned:
            seen[f"{address} #{len(seen)}"] = Found(thing)
    return seen


def last_ipv4(netns: str, device: str) -> tuple[str, str]:
    """What carries the IPv4 routes and neighbours of a device besides itself: with its last address they are gone."""
    return ("IPv4 addresses of", spoken(netns, device))


def places(kernel: Kernel, scope: Scope) -> list[str]:
    """The namespaces to look into: the host's own, those of its endpoints, and where else netctl's devices lead."""
    present = frozenset(kernel.netns.names())
    leads = {link.peer_netns for link in kernel.net.links() if link.peer_netns and any(map(is_mark, link.marks))}
    return ["", *sorted((leads | set(scope.netns)) & present)]


def within(address: str, ranges: Sequence[str]) -> bool:
    """Whether an address, or a network, lies inside one of the ranges."""
    inner = ip_network(address)
    return any(inner.version == outer.version and inner.subnet_of(outer) for outer in map(_network, ranges))  # type: ignore[arg-type]


_network = cache(ip_network)
"""The ranges are the same few for every address."""


def spoken(*words: str) -> str:
    """Words that are there, with a space between: the address of a thing."""
    return " ".join(word for word in words if word)
