"""BOTH SIDES: routes: from the host to its endpoints and to other hosts' slices, and every endpoint's way out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_interface
from types import MappingProxyType
from typing import Optional, Union

from state import naming
from state.change import Found, Wanted
from state.cluster import Cluster, Endpoint, Host
from state.facts import Facts, Scope
from state.kernel import MAIN_TABLE, Kernel, Route
from state.kinds.device import INSIDE
from state.kinds.marked import Marked, found, last_ipv4, places, spoken
from state.placement import placed
from state.policy.remember import OncePerCluster
from state.problem import Source

_DEFAULTS = ("0.0.0.0/0", "::/0")
_IPV6_METRIC = 1024
"""What the kernel makes of an IPv6 route without a metric."""

_Ip = Union[IPv4Address, IPv6Address]


class Routes(Marked[Route]):
    """Routes with netctl's protocol number."""

    name = "route"
    value = Route
    usual = MappingProxyType(
        {"protocol": naming.PROTOCOL, "table": MAIN_TABLE, "type": "unicast", "metric": _IPV6_METRIC}
    )

    def desired(self, cluster: Cluster, host: str, facts: Facts) -> Mapping[str, Wanted[Route]]:
        """To each endpoint here and out of it; to each other host's slice, through the tunnel or its own address."""
        own = cluster.hosts[host]
        wanted = [
            (route, endpoint.source)
            for endpoint in placed(cluster, host, facts)
            for route in _of_endpoint(endpoint, own)
        ]
        wanted += _to_slices(cluster, own, facts)
        return {_address(route): Wanted(route, source) for route, source in wanted}

    def observe(self, kernel: Kernel, scope: Scope) -> Mapping[str, Found[Route]]:
        """Netctl's in every table; and those of others in the main one that lead where netctl's could."""
        here = [item for item in kernel.net.routes("", scope.ranges) if _counts(item)]
        there = [
            item
            for netns in places(kernel, scope)[1:]
            for item in kernel.net.routes(netns)
            if _counts(item) and (item.destination in _DEFAULTS or item.protocol == naming.PROTOCOL)
        ]
        return found((_address(item), item) for item in here + there)

    def rests_on(self, address: str, value: Route) -> tuple[tuple[str, str], ...]:
        """The device, and the address it sends from."""
        device = (INSIDE, value.netns) if value.netns else ("device", value.device)
        source = ("address", spoken(value.netns, value.source))
        return (device, source) if ":" in value.destination else (device, source, last_ipv4(value.netns, value.device))


def _of_endpoint(endpoint: Endpoint, own: Host) -> Iterator[Route]:
    pairs = ((endpoint.ipv4, own.router_ipv4, "0.0.0.0/0"), (endpoint.ipv6, own.router_ipv6, "::/0"))
    for address, router, default in pairs:
        if address is not None and router is not None:
            yield _route("", f"{address}/{address.max_prefixlen}", naming.device(endpoint), "", str(router))
            yield _route(endpoint.netns, default, naming.ENDPOINT_DEVICE, str(router), str(address))


@dataclass(frozen=True)
class _Slice:
    """A host's slice of one family, and the host's own address of that family under it."""

    host: str
    destination: str
    underlay: Optional[_Ip]
    source: Source


def _of_every_host(cluster: Cluster) -> Sequence[_Slice]:
    return [
        _Slice(name, str(network), underlay, host.source)
        for name, host in sorted(cluster.hosts.items())
        for network, underlay in ((host.slice_ipv4, host.underlay.ipv4), (host.slice_ipv6, host.underlay.ipv6))
        if network is not None
    ]


_slices = OncePerCluster(_of_every_host)


def _to_slices(cluster: Cluster, own: Host, facts: Facts) -> Iterator[tuple[Route, Source]]:
    routers = ["" if router is None else str(router) for router in (own.router_ipv4, own.router_ipv6)]
    for there in _slices(cluster):
        router = routers[":" in there.destination]
        if there.host == own.name or not router:
            continue
        if cluster.network.mode == "overlay":
            beyond = naming.BEYOND_IPV6 if ":" in there.destination else naming.BEYOND_IPV4
            yield _route("", there.destination, naming.OVERLAY, beyond, router), there.source
        elif there.underlay is not None and _is_next_to(there.underlay, facts):
            route = _route("", there.destination, facts.uplink, str(there.underlay), router, onlink=False)
            yield route, there.source


def _is_next_to(underlay: _Ip, facts: Facts) -> bool:
    """Whether the uplink reaches the other host directly. Where not, the network in between must route slices."""
    uplink = facts.devices.get(facts.uplink)
    return uplink is not None and any(underlay in ip_interface(own).network for own in uplink.addresses)


def _route(netns: str, destination: str, device: str, gateway: str, source: str, onlink: bool = True) -> Route:
    return Route(
        netns=netns,
        destination=destination,
        device=device,
        gateway=gateway,
        onlink=onlink and gateway != "",
        source=source,
        metric=_metric(destination),
        mtu=0,
        table=MAIN_TABLE,
        type="unicast",
        protocol=naming.PROTOCOL,
    )


def _metric(destination: str) -> int:
    return _IPV6_METRIC if ":" in destination else 0


def _counts(route: Route) -> bool:
    return route.protocol == naming.PROTOCOL or (route.table == MAIN_TABLE and route.type == "unicast")


def _address(route: Route) -> str:
    """Namespace, destination, and what is unusual of netctl's own; of others' the metric does not tell them apart."""
    odd = route.protocol == naming.PROTOCOL and route.metric != _metric(route.destination)
    metric = f"metric {route.metric}" if odd else ""
    table = f"table {route.table}" if route.table != MAIN_TABLE else ""
    return spoken(route.netns, route.destination, table, metric)
