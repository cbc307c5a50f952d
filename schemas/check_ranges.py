"""DATA: whether ranges are large enough, slices fit them, and neither lies over the network between the hosts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import Optional, Union

from schemas.build import split
from schemas.folder import MAIN
from schemas.positions import Node
from schemas.report import Report
from schemas.sections import Sections, place, value_at
from state.manifest import HostEntry, Manifest
from state.problem import Source

Network = Union[IPv4Network, IPv6Network]
Address = Union[IPv4Address, IPv6Address]
FAMILIES = ("ipv4", "ipv6")
SMALLEST_SLICE = {"ipv4": 30, "ipv6": 126}
MOST_HOSTS = 65535


@dataclass(frozen=True)
class Range:
    """The range of one family, with the prefix length of its slices."""

    family: str
    network: Network
    prefix: int

    @property
    def slices(self) -> int:
        """How many slices it has."""
        return 1 << (self.prefix - self.network.prefixlen)


def ranges(manifest: Manifest) -> Iterator[Range]:
    """The ranges that the manifest gives."""
    if manifest.ranges.ipv4 is not None:
        yield Range("ipv4", manifest.ranges.ipv4, manifest.ranges.host_prefix_ipv4)
    if manifest.ranges.ipv6 is not None:
        yield Range("ipv6", manifest.ranges.ipv6, manifest.ranges.host_prefix_ipv6)


def check(sections: Sections, manifest: Manifest, report: Report) -> None:
    """Report ranges that are missing, unusable, too small or in the way."""
    node = sections.ranges
    given = list(ranges(manifest))
    if not given and manifest.hosts and not any(map(sections.doubtful_range, FAMILIES)):
        hint = "Write it as: ranges: {endpoints: {ipv4: 10.42.0.0/16}}"
        report.error(
            node.place if node else Source(MAIN, 1),
            "there is no range for endpoint addresses",
            hint,
            "ranges.endpoints",
        )
    if node is not None:
        _unused_prefix(node, sections, manifest, report)
        for item in given:
            _usable(item, node, report)
            if not sections.doubtful("ranges", "endpoints", "hostPrefix", item.family):
                _size(item, node, manifest, report)
            _underlay_apart(item, sections, manifest, report)
    _slices(sections, manifest, report)
    _underlays(sections, manifest, report)


def _unused_prefix(node: Node, sections: Sections, manifest: Manifest, report: Report) -> None:
    endpoints = node.fields.get("endpoints")
    prefixes = endpoints.fields.get("hostPrefix") if endpoints is not None else None
    for family, prefix in prefixes.fields.items() if prefixes is not None else ():
        if getattr(manifest.ranges, family) is None and not sections.doubtful_range(family):
            report.error(
                prefix.place,
                f"hostPrefix.{family} without a range",
                f"There is no ranges.endpoints.{family}.",
                "ranges",
            )


def _usable(item: Range, node: Node, report: Report) -> None:
    if _has_another_meaning(item.network.network_address):
        report.error(
            value_at(node, "endpoints", item.family),
            f"{item.network} cannot be used for endpoints",
            "It has another meaning to every host.",
            f"ranges.endpoints.{item.family}",
        )


def _size(item: Range, node: Node, manifest: Manifest, report: Report) -> None:
    where = value_at(node, "endpoints", item.family)
    address = f"ranges.endpoints.{item.family}"
    network = item.network
    if network.prefixlen > item.prefix:
        report.error(
            where,
            f"{network} is smaller than one host's slice (/{item.prefix})",
            f"Use a range of at least /{item.prefix}, or a longer hostPrefix.{item.family}.",
            address,
        )
    elif item.slices < len(manifest.hosts) <= MOST_HOSTS:
        report.error(
            where,
            f"{network} has {count(item.slices, 'slice')} of /{item.prefix} for {count(len(manifest.hosts), 'host')}",
            f"Use a larger range, or a longer hostPrefix.{item.family}.",
            address,
        )


def _has_another_meaning(address: Address) -> bool:
    """Whether no endpoint and no host can be reached at an address, anywhere."""
    mapped = isinstance(address, IPv6Address) and address.ipv4_mapped is not None
    return address.is_multicast or address.is_loopback or address.is_link_local or address.is_unspecified or mapped


def count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def _underlay_apart(item: Range, sections: Sections, manifest: Manifest, report: Report) -> None:
    for name, host in manifest.hosts.items():
        node = sections.hosts[name]
        written = value_at(node, "underlay", item.family)
        underlay: Optional[Address] = getattr(host.underlay, item.family)
        reached: Optional[Address] = split(host.address)[item.family == "ipv6"]
        places = {reached: value_at(node, "address")}
        if underlay != reached:
            places[underlay] = written
        for address, where in places.items():
            if address is not None and address in item.network:
                report.error(
                    where,
                    f"the address {address} of host {name} lies in ranges.endpoints.{item.family} ({item.network})",
                    "Endpoint addresses must not overlap the network between the hosts. Move one of the two.",
                    f"hosts.{name}",
                )


def _slices(sections: Sections, manifest: Manifest, report: Report) -> None:
    for family in FAMILIES:
        whole: Optional[Network] = getattr(manifest.ranges, family)
        taken: list[tuple[str, Network]] = []
        for name, host in manifest.hosts.items():
            network: Optional[Network] = getattr(host, f"slice_{family}")
            if network is None:
                continue
            where, address = value_at(sections.hosts[name], "slice", family), f"hosts.{name}.slice.{family}"
            if not _within(network, whole) if whole is not None else not sections.doubtful_range(family):
                report.error(where, f"the slice {network} of host {name} is outside ranges.endpoints.{family}",
                             f"That range is {whole}." if whole else "There is no such range.", address)  # fmt: skip
            if network.prefixlen > SMALLEST_SLICE[family]:
                report.error(where, f"the slice {network} of host {name} is too small",
                             f"The smallest has a prefix of /{SMALLEST_SLICE[family]}.", address)  # fmt: skip
            for other, theirs in taken:
                if network.overlaps(theirs):
                    report.error(where, f"the slices of hosts {other} ({theirs}) and {name} ({network}) overlap",
                                 f"The other: {place(sections.hosts[other], 'slice', family)}.", address)  # fmt: skip
            taken.append((name, network))


def _within(inner: Network, outer: Network) -> bool:
    return inner.version == outer.version and inner.subnet_of(outer)  # type: ignore[arg-type]


def _underlays(sections: Sections, manifest: Manifest, report: Report) -> None:
    """Hosts send to each other's underlay addresses: each needs one, of a family that all have."""
    for family in FAMILIES:
        taken: dict[Address, str] = {}
        for name, host in manifest.hosts.items():
            address: Optional[Address] = getattr(host.underlay, family)
            if sections.doubtful("hosts", name, "underlay"):
                continue
            if address is not None and len(manifest.hosts) > 1 and _has_another_meaning(address):
                report.error(
                    value_at(sections.hosts[name], "underlay", family),
                    f"other hosts cannot send to {address}, the underlay address of host {name}",
                    "Write an address that every host of the cluster reaches.",
                    f"hosts.{name}",
                )
            other = taken.setdefault(address, name) if address is not None else name
            if other != name and host.address != manifest.hosts[other].address:
                report.error(
                    place(sections.hosts[name], "underlay", family),
                    f"hosts {other} and {name} have the same underlay address {address}",
                    f"The other one is at {place(sections.hosts[other], 'underlay', family)}.",
                    f"hosts.{name}",
                )
    if len(manifest.hosts) < 2:
        return
    for family, why in _needed_families(manifest):
        for name, host in manifest.hosts.items():
            if sections.doubtful("hosts", name, "underlay"):
                continue
            if not (host.underlay.ipv4 or host.underlay.ipv6):
                _no_underlay(sections.hosts[name], host, report)
            elif getattr(host.underlay, family) is None:
                report.error(
                    place(sections.hosts[name], "underlay"),
                    f"host {name} has no underlay.{family}",
                    why,
                    f"hosts.{name}",
                )


def _no_underlay(node: Node, host: HostEntry, report: Report) -> None:
    report.error(
        value_at(node, "address"),
        f"host {host.name} has no underlay address",
        f'"{host.address}" is a name, and other hosts send to an address: write underlay: {{ipv4: ADDRESS}}.',
        f"hosts.{host.name}",
    )


def _needed_families(manifest: Manifest) -> Iterator[tuple[str, str]]:
    """The families that every underlay needs: with native routing the endpoints' own, for tunnels one in common."""
    if manifest.network.mode == "native":
        for item in ranges(manifest):
            yield item.family, f"Native routing sends {item.family} packets to an {item.family} address of the host."
        return
    having = {family: sum(getattr(host.underlay, family) is not None for host in manifest.hosts.values())
              for family in FAMILIES}  # fmt: skip
    best = "ipv6" if having["ipv6"] > having["ipv4"] else "ipv4"
    yield best, f"Tunnels need one family that all hosts have, and most have {best}."
