"""BOTH SIDES: where the tunnels to the other hosts end."""

from __future__ import annotations

from collections.abc import Mapping

from state.change import Found, Wanted
from state.cluster import Cluster
from state.facts import Facts, Scope
from state.kernel import Kernel
from state.kinds import generation
from state.kinds.generation import InGeneration
from state.policy.tables import Tunnel
from state.underlay import tunnel_is_ipv4


class Tunnels(InGeneration[Tunnel]):
    """Entries of the table `hosts`, by host number. Native mode has none."""

    name = "tunnel"
    value = Tunnel

    def desired(self, cluster: Cluster, host: str, facts: Facts) -> Mapping[str, Wanted[Tunnel]]:
        """Every other host, over the family that all of them have."""
        if cluster.network.mode != "overlay":
            return {}
        found: dict[str, Wanted[Tunnel]] = {}
        for other in cluster.hosts.values():
            underlay = other.underlay.ipv4 if tunnel_is_ipv4(cluster) else other.underlay.ipv6
            if other.name != host and underlay is not None:
                found[str(other.number)] = Wanted(Tunnel(str(underlay)), other.source)
        return found

    def observe(self, kernel: Kernel, scope: Scope) -> Mapping[str, Found[Tunnel]]:
        """The active generation's tunnels."""
        return {address: Found(tunnel) for address, tunnel in generation.logical(kernel).tunnels.items()}

    def describe(self, address: str, cluster: Cluster) -> str:
        """The name of the host."""
        names = {str(host.number): name for name, host in cluster.hosts.items()}
        return f"to {names.get(address, f'host {address}')}"
