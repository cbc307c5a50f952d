"""BOTH SIDES: the named network namespaces that netctl makes for endpoints. Somebody else's are used and left alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from state.change import Action, Change, Found, Wanted
from state.cluster import Cluster
from state.facts import Facts, Scope
from state.kernel import Kernel, Settings
from state.kinds.kind import Kind
from state.placement import placed


@dataclass(frozen=True)
class Netns:
    """A namespace that netctl made. `loopback` tells whether its `lo` is up."""

    loopback: bool


class Namespaces(Kind[Netns]):
    """Network namespaces, marked on their `lo`."""

    name = "netns"
    value = Netns

    def desired(self, cluster: Cluster, host: str, facts: Facts) -> Mapping[str, Wanted[Netns]]:
        """One for each endpoint that does not live in somebody else's; one that netctl made stays while it is used."""
        return {
            endpoint.netns: Wanted(Netns(loopback=True), endpoint.source)
            for endpoint in placed(cluster, host, facts)
            if endpoint.netns not in facts.foreign_netns
        }

    def observe(self, kernel: Kernel, scope: Scope) -> Mapping[str, Found[Netns]]:
        """Those that carry netctl's mark."""
        return {name: Found(Netns(_loopback(kernel, name))) for name in kernel.netns.owned()}

    def apply(self, kernel: Kernel, changes: Sequence[Change]) -> None:
        """Make or remove them; only what is marked is ever removed."""
        owned = frozenset(kernel.netns.owned())
        for change in changes:
            if change.action is Action.DELETE:
                if change.address in owned:
                    kernel.netns.delete(change.address)
            else:
                kernel.netns.create(change.address)
                up = isinstance(change.after, Netns) and change.after.loopback
                kernel.net.configure("lo", Settings(up=up), change.address)


def _loopback(kernel: Kernel, name: str) -> bool:
    return any(link.up for link in kernel.net.links(name) if link.name == "lo")
