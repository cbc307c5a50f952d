"""BOTH SIDES: who talks to whom: the ends of a flow, found by name or address."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Optional, Union

from state.cluster import Cluster, Endpoint, Host
from state.policy.remember import OncePerCluster

IpAddress = Union[IPv4Address, IPv6Address]


@dataclass(frozen=True)
class Party:
    """One end of a flow: an endpoint, a host, the world at an address, or nobody.

    Nobody is an address of the endpoint ranges that no endpoint has. `addresses` are those it can be seen with, the
    preferred first.
    """

    name: str
    addresses: tuple[IpAddress, ...]
    endpoint: Optional[Endpoint] = None
    host: Optional[Host] = None
    nobody: bool = False

    @property
    def world(self) -> bool:
        """Whether this is an address outside the cluster."""
        return self.endpoint is None and self.host is None and not self.nobody

    def by(self, version: int) -> Party:
        """The same, seen with its addresses of one family alone."""
        return replace(self, addresses=tuple(address for address in self.addresses if address.version == version))


def families(source: Party, destination: Party) -> tuple[int, ...]:
    """The IP versions in which both ends have addresses, in the order the source prefers; often both."""
    theirs = {address.version for address in destination.addresses}
    return tuple(dict.fromkeys(address.version for address in source.addresses if address.version in theirs))


def find(cluster: Cluster, name: str) -> Party:
    """The party that `namespace/name`, a host's name or an address means; KeyError where it means nothing."""
    if name in cluster.endpoints:
        return of_endpoint(cluster.endpoints[name])
    if name in cluster.hosts:
        return of_host(cluster.hosts[name])
    try:
        return at(cluster, ip_address(name))
    except ValueError:
        raise KeyError(name) from None


def of_endpoint(endpoint: Endpoint) -> Party:
    """An endpoint, seen with its addresses."""
    addresses: tuple[Optional[IpAddress], ...] = (endpoint.ipv4, endpoint.ipv6)
    return Party(endpoint.key, tuple(address for address in addresses if address is not None), endpoint)


def of_host(host: Host) -> Party:
    """A host, seen with its router addresses and its underlay addresses."""
    return Party(host.name, tuple(_addresses(host)), host=host)


def at(cluster: Cluster, address: IpAddress) -> Party:
    """Whoever has the address: an endpoint, a host, nobody (inside the endpoint ranges), or the world."""
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    address = mapped or address
    owner = _owners(cluster).get(address)
    if isinstance(owner, Endpoint):
        return Party(owner.key, (address,), owner)
    if owner is not None:
        return Party(owner.name, (address,), host=owner)
    ranges = (cluster.ranges.ipv4, cluster.ranges.ipv6)
    inside = any(found is not None and found.version == address.version and address in found for found in ranges)
    return Party(str(address), (address,), nobody=inside)


def _by_address(cluster: Cluster) -> Mapping[IpAddress, Union[Endpoint, Host]]:
    found: dict[IpAddress, Union[Endpoint, Host]] = {}
    for endpoint in cluster.endpoints.values():
        for address in (endpoint.ipv4, endpoint.ipv6):
            if address is not None:
                found.setdefault(address, endpoint)
    for host in cluster.hosts.values():
        for address in _addresses(host):
            found.setdefault(address, host)
    return found


_owners = OncePerCluster(_by_address)


def _addresses(host: Host) -> list[IpAddress]:
    written: list[Optional[IpAddress]] = [host.router_ipv4, host.router_ipv6, host.underlay.ipv4, host.underlay.ipv6]
    with contextlib.suppress(ValueError):  # a name: only the host knows its addresses
        written.append(ip_address(host.address))
    return [address for address in written if address is not None]
