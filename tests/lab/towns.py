"""Manifests made by hand, for labs."""

from __future__ import annotations

from ipaddress import IPv4Network, IPv6Network

from state.manifest import Assertion, EndpointEntry, HostEntry, Manifest, Network, PortRange, Ranges, Ssh, Underlay
from state.problem import Source

HERE = Source("netctl.yaml", 1)


def host(name: str, address: str, underlay: Underlay | None = None, port: int = 0) -> HostEntry:
    """A host as the manifest would have it."""
    return HostEntry(name, address, Ssh("root", port, ""), underlay or Underlay(), {}, None, None, HERE)


def manifest(*hosts: HostEntry, asserted: tuple[tuple[str, str], ...] = (), name: str = "town") -> Manifest:
    """A manifest of these hosts, with an endpoint `home/guest` on the first, and these pairs in its assertions."""
    ranges = Ranges(IPv4Network("10.42.0.0/16"), IPv6Network("fd42::/48"))
    guest = EndpointEntry("home", "guest", hosts[0].name, {}, "guest", {}, None, None, HERE)
    ports = (PortRange("TCP", 80, 80),)
    assertions = tuple(Assertion((origin,), (target,), ports, "allow", HERE) for origin, target in asserted)
    everyone = {entry.name: entry for entry in hosts}
    return Manifest(name, 1, Network(), ranges, everyone, {}, {guest.key: guest}, (), assertions)


def street(length: int) -> Manifest:
    """A manifest of that many hosts in one network, and something outside."""
    houses = [host(f"h{number}", f"203.0.113.{number}") for number in range(1, length + 1)]
    return manifest(*houses, asserted=(("203.0.113.200", "h1"), ("h1", "2001:db8:fa::20")))
