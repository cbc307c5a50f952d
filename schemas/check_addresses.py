"""DATA: whether the addresses that endpoints fix lie where they must, and are each the only one."""

from __future__ import annotations

from collections import Counter
from typing import Optional

from schemas.check_ranges import FAMILIES, Address, Network, count
from schemas.positions import Node
from schemas.report import Report
from schemas.sections import Sections, value_at
from state.manifest import EndpointEntry, Manifest
from state.problem import Source
from state.slices import first_usable, last_usable, usable

MOST_ON_A_HOST = 4095


def check(sections: Sections, manifest: Manifest, report: Report) -> None:
    """Report addresses outside their range, reserved or given twice, and slices too small for what is on the host."""
    for family in FAMILIES:
        taken: dict[Address, str] = {}
        for key, endpoint in manifest.endpoints.items():
            address: Optional[Address] = getattr(endpoint, family)
            if address is None:
                continue
            where = place(sections.endpoints[key], family)
            _inside(family, address, endpoint, where, sections, manifest, report)
            other = taken.setdefault(address, key)
            if other != key:
                report.error(
                    where,
                    f"endpoints {other} and {key} have the same address {address}",
                    f"The other one is at {place(sections.endpoints[other], family)}.",
                    f"endpoints.{key}",
                )
        _one_slice_each(family, sections, manifest, report)
    _room(sections, manifest, report)


def place(node: Node, family: str) -> Source:
    """Where an endpoint's address of a family stands."""
    address = node.fields.get("address")
    return value_at(node, "address", family) if address is not None and address.fields else value_at(node, "address")


def _inside(
    family: str,
    address: Address,
    endpoint: EndpointEntry,
    where: Source,
    sections: Sections,
    manifest: Manifest,
    report: Report,
) -> None:
    whole: Optional[Network] = getattr(manifest.ranges, family)
    host = manifest.hosts.get(endpoint.host)
    fixed: Optional[Network] = getattr(host, f"slice_{family}") if host is not None else None
    title = f"endpoints.{endpoint.key}"
    if whole is None and sections.doubtful_range(family):
        return
    if whole is None or address not in whole:
        there = f"That range is {whole}." if whole else "There is no such range."
        report.error(
            where, f"the address {address} of {endpoint.key} is outside ranges.endpoints.{family}", there, title
        )
        return
    if fixed is not None and address not in fixed:
        report.error(
            where,
            f"the address {address} of {endpoint.key} is outside the slice of host {endpoint.host}",
            f"That slice is {fixed}, at {host.source if host else ''}.",
            title,
        )
        return
    network = fixed or slice_around(family, address, endpoint.host, sections, manifest)
    if network is not None and not first_usable(network) <= int(address) <= last_usable(network):
        report.error(
            where,
            f"the address {address} of {endpoint.key} is reserved in its slice {network}",
            "The first address names the slice, the second is the host's own, the last of IPv4 is for broadcast.",
            title,
        )


def slice_around(family: str, address: Address, host: str, sections: Sections, manifest: Manifest) -> Optional[Network]:
    """The slice that an address would lie in where its host does not fix one; None where a mistake hides it."""
    if host not in manifest.hosts or sections.doubtful("hosts", host, "slice"):
        return None
    if sections.doubtful("ranges", "endpoints", "hostPrefix", family):
        return None
    prefix: int = getattr(manifest.ranges, f"host_prefix_{family}")
    whole: Optional[Network] = getattr(manifest.ranges, family)
    if whole is None or whole.prefixlen > prefix:
        return None
    return type(whole)((int(address) >> (whole.max_prefixlen - prefix) << (whole.max_prefixlen - prefix), prefix))


def _one_slice_each(family: str, sections: Sections, manifest: Manifest, report: Report) -> None:
    """Addresses fixed on one host lie in one slice, and no other host's addresses in it."""
    slice_of: dict[str, tuple[Network, str]] = {}
    owner_of: dict[Network, tuple[str, str]] = {}
    for key, endpoint in manifest.endpoints.items():
        address: Optional[Address] = getattr(endpoint, family)
        host = manifest.hosts.get(endpoint.host)
        if address is None or host is None or getattr(host, f"slice_{family}") is not None:
            continue
        network = slice_around(family, address, host.name, sections, manifest)
        if network is None or address not in getattr(manifest.ranges, family):
            continue
        mine, first = slice_of.setdefault(host.name, (network, key))
        owner, other = owner_of.setdefault(network, (host.name, key))
        where = place(sections.endpoints[key], family)
        if mine != network:
            report.error(where, f"the addresses of {first} and {key} on host {host.name} lie in two slices",
                         f"They are {mine} and {network}; a host has one slice.", f"endpoints.{key}")  # fmt: skip
        elif owner != host.name:
            report.error(where, f"the addresses of {other} on host {owner} and {key} on host {host.name} share a slice",
                         f"Both lie in {network}; a slice belongs to one host.", f"endpoints.{key}")  # fmt: skip


def _room(sections: Sections, manifest: Manifest, report: Report) -> None:
    endpoints_on = Counter(endpoint.host for endpoint in manifest.endpoints.values())
    for name, host in manifest.hosts.items():
        number = endpoints_on[name]
        if number > MOST_ON_A_HOST:
            report.error(
                sections.hosts[name].place,
                f"host {name} has {number} endpoints",
                f"A host takes at most {MOST_ON_A_HOST}.",
                f"hosts.{name}",
            )
        for family in FAMILIES:
            whole: Optional[Network] = getattr(manifest.ranges, family)
            prefix: int = getattr(manifest.ranges, f"host_prefix_{family}")
            fixed: Optional[Network] = getattr(host, f"slice_{family}")
            known = not sections.doubtful("ranges", "endpoints", "hostPrefix", family)
            known = known and not sections.doubtful("hosts", name, "slice")
            if whole is None or (fixed is None and (whole.prefixlen > prefix or not known)):
                continue
            network = fixed or type(whole)((int(whole.network_address), prefix))
            room = usable(network)
            if number > room > 0:
                left = count(room, "endpoint")
                report.error(
                    sections.hosts[name].place,
                    f"the /{network.prefixlen} slice of host {name} has room for {left}, not for {number}",
                    f"Use a shorter hostPrefix.{family}, or move endpoints to another host.",
                    f"hosts.{name}",
                )
