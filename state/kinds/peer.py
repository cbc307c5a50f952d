"""BOTH SIDES: who an address is: every endpoint of the cluster, this host's own addresses, the other hosts'."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_interface
from typing import Union

from bpf.layout import Identity
from state.change import Found, Wanted
from state.cluster import Cluster, Host
from state.facts import Facts, Scope
from state.kernel import Kernel
from state.kinds import generation
from state.kinds.generation import InGeneration
from state.policy.tables import Peer
from state.underlay import addresses

Address = Union[IPv4Address, IPv6Address]


class Peers(InGeneration[Peer]):
    """Entries of the table `addresses`, by address."""

    name = "peer"
    value = Peer

    def desired(self, cluster: Cluster, host: str, facts: Facts) -> Mapping[str, Wanted[Peer]]:
        """Endpoints, the other hosts, and this host, which knows its addresses best."""
        own = cluster.hosts[host]
        found: dict[str, Wanted[Peer]] = {}
        for other in cluster.hosts.values():
            if other.name != host:
                remote = Wanted(Peer(Identity.IDENTITY_REMOTE_NODE, other.number, 0), other.source)
                found.update((str(address), remote) for address in _of_host(other))
        for endpoint in cluster.endpoints.values():
            local = endpoint.host == host
            peer = Peer(
                endpoint.identity, 0 if local else cluster.hosts[endpoint.host].number, endpoint.id if local else 0
            )
            for address in (endpoint.ipv4, endpoint.ipv6):
                if address is not None:
                    found[str(address)] = Wanted(peer, endpoint.source)
        here = Wanted(Peer(Identity.IDENTITY_HOST, 0, 0), own.source)
        found.update((str(address), here) for address in (*_of_host(own), *_of_facts(facts)))
        return found

    def observe(self, kernel: Kernel, scope: Scope) -> Mapping[str, Found[Peer]]:
        """The active generation's peers."""
        return {address: Found(peer) for address, peer in generation.logical(kernel).peers.items()}

    def describe(self, address: str, cluster: Cluster) -> str:
        """The address with the name of the endpoint or host that has it."""
        name = _names(_Same(cluster)).get(address)
        return address if name is None else f"{address} {name}"


def _of_host(host: Host) -> Iterator[Address]:
    """The addresses of a host that the manifest tells: underlay, router, and the one SSH takes if it is an address."""
    yield from addresses(host)
    for router in (host.router_ipv4, host.router_ipv6):
        if router is not None:
            yield router
    try:
        yield ip_address(host.address)
    except ValueError:
        return


def _of_facts(facts: Facts) -> Iterator[Address]:
    for device in facts.devices.values():
        for text in device.addresses:
            address = ip_interface(text).ip
            if not (address.is_loopback or address.is_link_local):
                yield address


class _Same:
    """A cluster as a key: the same object is the same key."""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster

    def __hash__(self) -> int:
        return id(self.cluster)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and other.cluster is self.cluster


@lru_cache(maxsize=2)
def _names(of: _Same) -> Mapping[str, str]:
    found = {str(address): host.name for host in of.cluster.hosts.values() for address in _of_host(host)}
    for endpoint in of.cluster.endpoints.values():
        for address in (endpoint.ipv4, endpoint.ipv6):
            if address is not None:
                found[str(address)] = endpoint.key
    return found
