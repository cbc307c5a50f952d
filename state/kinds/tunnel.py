"""BOTH SIDES: where the tunnels to the other hosts end."""

from __future__ import annotations

from collections.abc import Mapping

from state.change import Found, Wanted
from state.cluster import Cluster
from state.facts import Facts, Scope
from state.kernel import Kernel
from state.kinds import generation
from state.kinds.generation import InGeneration
from state.policy.remember import OncePerCluster
from state.policy.tables import Tunnel
from state.underlay import tunnel_is_ipv4


def _to_every_host(cluster: Cluster) -> Mapping[str, Wanted[Tunnel]]:
    found: dict[str, Wanted[Tunnel]] = {}
    for host in cluster.hosts.values() if cluster.network.mode == "overlay" else ():
        underlay = host.underlay.ipv4 if tunnel_is_ipv4(cluster) else host.underlay.ipv6
        if underlay is not None:
            found[str(host.number)] = Wanted(Tunnel(str(underlay)), host.source)
    return found


_tunnels = OncePerCluster(_to_every_host)


class Tunnels(InGeneration[Tunnel]):
    """Entries of the table `hosts`, by host number. Native mode has none."""

    name = "tunnel"
    value = Tunnel

    def desired(self, cluster: Cluster, host: str, facts: Facts) -> Mapping[str, Wanted[Tunnel]]:
        """Every other host, over the family that all of them have."""
        found = dict(_tunnels(cluster))
        found.pop(str(cluster.hosts[host].number), None)
        return found

    def observe(self, kernel: Kernel, scope: Scope) -> Mapping[str, Found[Tunnel]]:
        """The active generation's tunnels."""
        return {address: Found(tunnel) for address, tunnel in generation.logical(kernel).tunnels.items()}

    def describe(self, address: str, cluster: Cluster) -> str:
        """The name of the host."""
        names = {str(host.number): name for name, host in cluster.hosts.items()}
        return f"to {names.get(address, f'host {address}')}"
