"""BOTH SIDES: permanent neighbours: endpoint and host, and host and tunnel, know each other without asking."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType

from state import naming
from state.change import Found, Wanted
from state.cluster import Cluster, Endpoint, Host
from state.facts import Facts, Scope
from state.kernel import Kernel, Neighbour
from state.kinds.device import INSIDE
from state.kinds.marked import Marked, found, last_ipv4, places, spoken, within
from state.placement import placed
from state.problem import Source


class Neighbours(Marked[Neighbour]):
    """Hardware addresses that are known beforehand, so that no ARP or neighbour discovery takes place."""

    name = "neighbour"
    value = Neighbour
    usual = MappingProxyType({"protocol": naming.PROTOCOL, "permanent": True})

    def desired(self, cluster: Cluster, host: str, facts: Facts) -> Mapping[str, Wanted[Neighbour]]:
        """Both ends of every endpoint's device, and in overlay mode the one who stands for all other hosts."""
        found: dict[str, Wanted[Neighbour]] = {}
        if cluster.network.mode == "overlay":
            found.update(_beyond_the_tunnel(cluster.hosts[host]))
        for endpoint in placed(cluster, host, facts):
            found.update(_of_endpoint(endpoint, cluster.hosts[host]))
        return found

    def observe(self, kernel: Kernel, scope: Scope) -> Mapping[str, Found[Neighbour]]:
        """Netctl's, and permanent ones of others inside the ranges of endpoints."""
        return found(
            (spoken(netns, item.device, item.address), item)
            for netns in places(kernel, scope)
            for item in kernel.net.neighbours(netns)
            if item.protocol == naming.PROTOCOL or (item.permanent and within(item.address, scope.ranges))
        )

    def rests_on(self, address: str, value: Neighbour) -> tuple[tuple[str, str], ...]:
        """The device, and its hardware address: the kernel forgets neighbours when that changes."""
        ipv4 = () if ":" in value.address else (last_ipv4(value.netns, value.device),)
        if value.netns:
            return ((INSIDE, value.netns), ("mac inside", value.netns), *ipv4)
        return (("device", value.device), ("mac", value.device), *ipv4)


def _of_endpoint(endpoint: Endpoint, own: Host) -> Iterator[tuple[str, Wanted[Neighbour]]]:
    for address, router in ((endpoint.ipv4, own.router_ipv4), (endpoint.ipv6, own.router_ipv6)):
        if address is not None and router is not None:
            yield _wanted("", naming.device(endpoint), str(address), naming.mac(endpoint), endpoint.source)
            yield _wanted(endpoint.netns, naming.ENDPOINT_DEVICE, str(router), naming.HOST_MAC, endpoint.source)


def _beyond_the_tunnel(own: Host) -> Iterator[tuple[str, Wanted[Neighbour]]]:
    for router, beyond in ((own.router_ipv4, naming.BEYOND_IPV4), (own.router_ipv6, naming.BEYOND_IPV6)):
        if router is not None:
            yield _wanted("", naming.OVERLAY, beyond, naming.BEYOND_MAC, own.source)


def _wanted(netns: str, device: str, address: str, mac: str, source: Source) -> tuple[str, Wanted[Neighbour]]:
    neighbour = Neighbour(netns, device, address, mac, permanent=True, protocol=naming.PROTOCOL)
    return spoken(netns, device, address), Wanted(neighbour, source)
