"""BOTH SIDES: how hosts reach each other: the family of the tunnel, its cost, and the endpoints' MTU."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address
from typing import Union

from state.cluster import Cluster, Host
from state.facts import Facts
from state.policy.remember import OncePerCluster

VXLAN_OVER_IPV4 = 50
VXLAN_OVER_IPV6 = 70


def tunnel_is_ipv4(cluster: Cluster) -> bool:
    """Whether tunnels run over IPv4: where every host has an IPv4 underlay address. Otherwise all run over IPv6."""
    return _all_have_ipv4(cluster)


_all_have_ipv4 = OncePerCluster(lambda cluster: all(host.underlay.ipv4 is not None for host in cluster.hosts.values()))


def endpoint_mtu(cluster: Cluster, facts: Facts) -> int:
    """The largest packet of an endpoint that needs no fragments between hosts."""
    if cluster.network.mode == "native":
        return facts.uplink_mtu
    return facts.uplink_mtu - (VXLAN_OVER_IPV4 if tunnel_is_ipv4(cluster) else VXLAN_OVER_IPV6)


def addresses(host: Host) -> list[Union[IPv4Address, IPv6Address]]:
    """The host's underlay addresses, IPv4 first."""
    return [address for address in (host.underlay.ipv4, host.underlay.ipv6) if address is not None]
