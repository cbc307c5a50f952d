"""WORKSTATION: who gets which address in the lab, and which addresses the world has. Pure: from the manifest alone.

The lab is one Ethernet segment. Hosts stand on it with the addresses the manifest gives them; a host that has no
address of a family (its `address` is a name, or it has no IPv6) gets one that the lab chooses. Addresses that lie in
one /24 (/64) are neighbours; `world` has one more address in each such network, is everybody's default gateway, routes
between them, and holds every outside address that an assertion names. It knows nothing of the endpoints' ranges: what
leaves them must be masqueraded to be answered. Only what carries the mark 0x6e finds its way from the world to an
endpoint's host.
"""

from __future__ import annotations

import hashlib
import ipaddress
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import Union

from state.cluster import Cluster, Host
from state.manifest import HostEntry, Manifest

Address = Union[IPv4Address, IPv6Address]
Range = Union[IPv4Network, IPv6Network]

WORLD = "world"
MARK = 0x6E
"""Packets of the world with this mark are routed to the host of the slice they go to: probes that must arrive."""

NEIGHBOURS = {4: 24, 6: 64}
CHOICES: Mapping[int, tuple[Range, ...]] = {
    4: tuple(IPv4Network(text) for text in ("198.18.0.0/16", "198.19.0.0/16", "172.30.0.0/16", "10.255.0.0/16")),
    6: tuple(IPv6Network(f"fd6e:6574:6374:{number:x}::/64") for number in range(8)),
}


@dataclass(frozen=True)
class Machine:
    """One machine of the lab: a host, or the world. `addresses` are `ADDRESS/LENGTH`, `routes` are `SLICE via ADDRESS`.

    `ssh_address` and `ssh_port` are where its sshd is reached; both are empty for the world, which has none.
    """

    name: str
    device: str
    mac: str
    addresses: tuple[str, ...]
    gateways: tuple[str, ...] = ()
    routes: tuple[str, ...] = ()
    ssh_address: str = ""
    ssh_port: int = 0


@dataclass(frozen=True)
class Wiring:
    """All machines of a lab: the hosts by name, and the world."""

    hosts: Mapping[str, Machine]
    world: Machine


def wire(manifest: Union[Manifest, Cluster]) -> Wiring:
    """The machines that stand for a manifest. The routes to the endpoints' hosts need the numbers of a `Cluster`."""
    ranges = [network for network in (manifest.ranges.ipv4, manifest.ranges.ipv6) if network is not None]
    given = {name: _given(host) for name, host in manifest.hosts.items()}
    taken = {address for addresses in given.values() for address in addresses}
    outside = [address for address in _asserted(manifest) if address not in taken and not _within(address, ranges)]
    taken.update(outside)
    chosen = _choose(given, taken, ranges)
    addresses = {name: (*given[name], *chosen[name]) for name in sorted(given)}
    networks = _networks((address for group in addresses.values() for address in group), ranges)
    routers = {network: _free(network, taken) for network in sorted(set(networks.values()), key=str)}
    hosts = {
        name: _machine(manifest.name, manifest.hosts[name], group, networks, routers)
        for name, group in addresses.items()
    }
    world = Machine(
        WORLD,
        "eth0",
        _mac(manifest.name, WORLD),
        tuple(
            [f"{router}/{network.prefixlen}" for network, router in routers.items()]
            + [f"{address}/{address.max_prefixlen}" for address in sorted(outside, key=str)]
        ),
        routes=tuple(_routes(manifest, addresses)),
    )
    return Wiring(hosts, world)


def literal(text: str) -> Union[IPv4Address, IPv6Address, None]:
    """The IP address that a text is, or None where it is a name."""
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None


def _given(host: Union[Host, HostEntry]) -> tuple[Address, ...]:
    """The addresses a host has by the manifest: for SSH first, then for tunnels."""
    candidates = (literal(host.address), host.underlay.ipv4, host.underlay.ipv6)
    return tuple(dict.fromkeys(address for address in candidates if address is not None))


def _asserted(manifest: Union[Manifest, Cluster]) -> list[Address]:
    named = (end for item in manifest.assertions for end in (*item.origins, *item.targets) if isinstance(end, str))
    ends = map(literal, named)
    return list(dict.fromkeys(address for address in ends if address is not None))


def _within(address: Address, ranges: Iterable[Range]) -> bool:
    return any(address.version == network.version and address in network for network in ranges)


def _choose(
    given: Mapping[str, tuple[Address, ...]], taken: set[Address], ranges: list[Range]
) -> dict[str, list[Address]]:
    """An address of each family for every host without one. A name always gets the same one, if no other has it."""
    chosen: dict[str, list[Address]] = {name: [] for name in given}
    used = set(taken)
    for version, candidates in CHOICES.items():
        network = next(item for item in candidates if not _in_use(item, used, ranges))
        for name in sorted(given):
            if any(address.version == version for address in given[name]):
                continue
            number = int.from_bytes(hashlib.sha256(name.encode()).digest()[:2], "big")
            while (address := network[number % 0xFF00 + 1]) in used:
                number += 1
            used.add(address)
            chosen[name].append(address)
    return chosen


def _in_use(network: Range, used: Iterable[Address], ranges: Iterable[Range]) -> bool:
    return _overlaps(network, ranges) or any(_within(address, [network]) for address in used)


def _overlaps(network: Range, ranges: Iterable[Range]) -> bool:
    return any(network[0] in item or item[0] in network for item in ranges if item.version == network.version)


def _networks(addresses: Iterable[Address], ranges: list[Range]) -> dict[Address, Range]:
    """The network each address stands in: all that the lab chose in one, others by their neighbourhood."""
    networks: dict[Address, Range] = {}
    for address in addresses:
        whole = next((network for network in CHOICES[address.version] if address in network), None)
        networks[address] = whole or next(_neighbourhoods(address, ranges))
    return networks


def _neighbourhoods(address: Address, ranges: list[Range]) -> Iterator[Range]:
    """The /24 or /64 of an address, or the widest smaller network that leaves the endpoints' ranges alone."""
    for length in range(NEIGHBOURS[address.version], address.max_prefixlen + 1):
        network = ipaddress.ip_network((address, length), strict=False)
        if not _overlaps(network, ranges):
            yield network


def _free(network: Range, taken: set[Address]) -> Address:
    """An address of a network that nobody has, for its router: the highest one (IPv6: `::fe`), or the next below."""
    number = min(network.num_addresses - 2, 0xFE if network.version == 6 else 0xFFFE)
    while number > 0 and network[number] in taken:
        number -= 1
    return network[max(number, 0)]


def _machine(
    cluster: str,
    host: Union[Host, HostEntry],
    addresses: tuple[Address, ...],
    networks: Mapping[Address, Range],
    routers: Mapping[Range, Address],
) -> Machine:
    first = {address.version: address for address in reversed(addresses)}
    return Machine(
        host.name,
        host.underlay.device or "eth0",
        _mac(cluster, host.name),
        tuple(f"{address}/{networks[address].prefixlen}" for address in addresses),
        tuple(str(routers[networks[address]]) for _, address in sorted(first.items())),
        ssh_address=str(literal(host.address) or first[4]),
        ssh_port=host.ssh.port or 22,
    )


def _mac(cluster: str, name: str) -> str:
    digest = hashlib.sha256(f"{cluster}/{name}".encode()).digest()
    return ":".join(f"{byte:02x}" for byte in (0x52, 0x54, *digest[:4]))


def _routes(manifest: Union[Manifest, Cluster], addresses: Mapping[str, tuple[Address, ...]]) -> Iterator[str]:
    for name in sorted(addresses):
        host: Union[Host, HostEntry] = manifest.hosts[name]
        for network in (host.slice_ipv4, host.slice_ipv6):
            if network is not None:
                via = next(address for address in addresses[name] if address.version == network.version)
                yield f"{network} via {via}"
