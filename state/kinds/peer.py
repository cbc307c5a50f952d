"""BOTH SIDES: who an address is: every endpoint of the cluster, this host's own addresses, the other hosts'."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_interface
from typing import Union

from bpf.layout import Identity
from state.change import Found, Wanted
from state.cluster import Cluster, Endpoint, Host
from state.facts import Facts, Scope
from state.kernel import Kernel
from state.kinds import generation
from state.kinds.generation import InGeneration
from state.policy.remember import OncePerCluster
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
        found = dict(_from_afar(cluster))
        for endpoint in cluster.endpoints_on(host):
            found.update(_of_endpoint(endpoint, Peer(endpoint.identity, 0, endpoint.id)))
        here = Wanted(Peer(Identity.IDENTITY_HOST, 0, 0), own.source)
        found.update((str(address), here) for address in (*_of_host(own), *_of_facts(facts)))
        return found

    def observe(self, kernel: Kernel, scope: Scope) -> Mapping[str, Found[Peer]]:
        """The active generation's peers."""
        return {address: Found(peer) for address, peer in generation.logical(kernel).peers.items()}

    def describe(self, address: str, cluster: Cluster) -> str:
        """The address with the name of the endpoint or host that has it."""
        name = _names(cluster).get(address)
        return address if name is None else f"{address} {name}"


def _every_other(cluster: Cluster) -> Mapping[str, Wanted[Peer]]:
    """Everybody as those see them who are elsewhere: what is the same on all hosts is made once."""
    found: dict[str, Wanted[Peer]] = {}
    for host in cluster.hosts.values():
        remote = Wanted(Peer(Identity.IDENTITY_REMOTE_NODE, host.number, 0), host.source)
        found.update((str(address), remote) for address in _of_host(host))
    for endpoint in cluster.endpoints.values():
        found.update(_of_endpoint(endpoint, Peer(endpoint.identity, cluster.hosts[endpoint.host].number, 0)))
    return found


_from_afar = OncePerCluster(_every_other)


def _of_endpoint(endpoint: Endpoint, peer: Peer) -> Iterator[tuple[str, Wanted[Peer]]]:
    wanted = Wanted(peer, endpoint.source)
    for address in (endpoint.ipv4, endpoint.ipv6):
        if address is not None:
            yield str(address), wanted


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


def _every_name(cluster: Cluster) -> Mapping[str, str]:
    found = {str(address): host.name for host in cluster.hosts.values() for address in _of_host(host)}
    for endpoint in cluster.endpoints.values():
        for address in (endpoint.ipv4, endpoint.ipv6):
            if address is not None:
                found[str(address)] = endpoint.key
    return found


_names = OncePerCluster(_every_name)
