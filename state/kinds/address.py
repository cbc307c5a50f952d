"""BOTH SIDES: the addresses of endpoints, and the router's: the host's own address in its slice."""

from __future__ import annotations

from collections.abc import Mapping
from ipaddress import IPv4Address, IPv6Address
from typing import Union

from state import naming
from state.change import Action, Change, Found, Wanted
from state.cluster import Cluster
from state.facts import Facts, Scope
from state.kernel import Address, Kernel
from state.kinds.device import INSIDE
from state.kinds.marked import Marked, found, last_ipv4, places, spoken, within
from state.placement import placed


class Addresses(Marked[Address]):
    """Addresses, each alone in its network (/32, /128): nothing is taken to be a neighbour because of its number."""

    name = "address"
    value = Address
    fixed = frozenset({"device", "length"})

    def desired(self, cluster: Cluster, host: str, facts: Facts) -> Mapping[str, Wanted[Address]]:
        """The router's on the tunnel, or on `lo` where there is none; each endpoint's on its own device."""
        own = cluster.hosts[host]
        device = naming.OVERLAY if cluster.network.mode == "overlay" else "lo"
        wanted: dict[str, Wanted[Address]] = {}
        for router in (own.router_ipv4, own.router_ipv6):
            if router is not None:
                wanted[str(router)] = Wanted(_address("", device, router), own.source)
        for endpoint in placed(cluster, host, facts):
            for address in (endpoint.ipv4, endpoint.ipv6):
                if address is not None:
                    value = _address(endpoint.netns, naming.ENDPOINT_DEVICE, address)
                    wanted[spoken(endpoint.netns, str(address))] = Wanted(value, endpoint.source)
        return wanted

    def observe(self, kernel: Kernel, scope: Scope) -> Mapping[str, Found[Address]]:
        """Netctl's, and those of others inside the ranges of endpoints."""
        return found(
            (spoken(netns, address.address), address)
            for netns in places(kernel, scope)
            for address in kernel.net.addresses(netns)
            if address.protocol == naming.PROTOCOL or within(address.address, scope.ranges)
        )

    def takes_along(self, change: Change) -> tuple[tuple[str, str], ...]:
        """What sends from the address; of IPv4 everything on the device, as this may be the last one there."""
        before = change.before
        if not isinstance(before, Address) or change.action not in (Action.DELETE, Action.REPLACE):
            return ()
        own = ("address", spoken(before.netns, before.address))
        return (own,) if ":" in before.address else (own, last_ipv4(before.netns, before.device))

    def rests_on(self, address: str, value: Address) -> tuple[tuple[str, str], ...]:
        """The device."""
        return ((INSIDE, value.netns),) if value.netns else (("device", value.device),)


def _address(netns: str, device: str, address: Union[IPv4Address, IPv6Address]) -> Address:
    return Address(netns, device, str(address), address.max_prefixlen, naming.PROTOCOL)
