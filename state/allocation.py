"""BOTH SIDES: who gets which slice, seat and number: keep what fits, then start from a hash of the name and probe.

Everything is done in name order, so the same manifest and the same lock lines, in whatever order they stand, give the
same result: that is what mends a merged file.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Optional

from state.lock_lines import SeatLine, SliceLine
from state.manifest import EndpointEntry, Manifest
from state.policy.labels import identity_labels
from state.problem import ManifestError, Problem
from state.slices import Address, Network, first_usable, last_usable

MOST_SEATS = 4095
_LONGEST_PROBE = 65536  # of a larger space this many places are tried: more than any host or cluster may hold


def probe(name: str, size: int) -> Iterator[int]:
    """Every place of `size`, from one that the name's hash gives."""
    start = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big") % size
    for step in range(min(size, _LONGEST_PROBE)):
        yield (start + step) % size


def labels_of(manifest: Manifest, endpoint: EndpointEntry) -> tuple[str, ...]:
    """The label set that makes an endpoint's identity."""
    namespace = manifest.namespaces[endpoint.namespace]
    return identity_labels(endpoint.labels, endpoint.namespace, namespace.labels, manifest.name)


def choose_slices(manifest: Manifest, lines: Iterable[SliceLine]) -> tuple[SliceLine, ...]:
    """Each host's slices: the fixed ones, then those it has, then new ones."""
    old: dict[str, list[SliceLine]] = defaultdict(list)
    for line in lines:
        old[line.host].append(line)
    ranges = manifest.ranges
    ipv4 = _slices("ipv4", ranges.ipv4, ranges.host_prefix_ipv4, manifest, old)
    ipv6 = _slices("ipv6", ranges.ipv6, ranges.host_prefix_ipv6, manifest, old)
    return tuple(SliceLine(name, ipv4.get(name), ipv6.get(name)) for name in sorted(manifest.hosts))


def _slices(
    family: str, whole: Optional[Network], prefix: int, manifest: Manifest, old: Mapping[str, list[SliceLine]]
) -> dict[str, Any]:
    if whole is None:
        return {}
    chosen: dict[str, Network] = {}
    for name in sorted(manifest.hosts):
        if (fixed := getattr(manifest.hosts[name], f"slice_{family}")) is not None:
            chosen[name] = fixed
    taken = _Networks(chosen)
    fixed_on = _fixed_addresses(family, manifest)
    for name in sorted(manifest.hosts.keys() - chosen.keys()):
        for line in sorted(old.get(name, ()), key=lambda line: str(getattr(line, family))):
            kept: Optional[Network] = getattr(line, family)
            if kept is None or kept.prefixlen != prefix or not _inside(kept, whole) or taken.holder(kept):
                continue
            if all(address in kept for address in fixed_on[name]):
                chosen[name] = taken.add(name, kept)
                break
    for name in sorted(manifest.hosts.keys() - chosen.keys()):
        if fixed_on[name]:
            chosen[name] = taken.add(name, _around(name, fixed_on[name][0], whole, prefix, taken))
    for name in sorted(manifest.hosts.keys() - chosen.keys()):
        chosen[name] = taken.add(name, _free_slice(name, family, whole, prefix, taken))
    return chosen


class _Networks:
    """Networks by their holder, quick to ask for an overlap with one of their usual length."""

    def __init__(self, taken: Mapping[str, Network]) -> None:
        self._by_length: dict[int, dict[Network, str]] = defaultdict(dict)
        for name, network in taken.items():
            self.add(name, network)

    def add(self, name: str, network: Network) -> Network:
        self._by_length[network.prefixlen][network] = name
        return network

    def holder(self, network: Network) -> str:
        """Whose network overlaps this one; empty if nobody's."""
        for length, networks in self._by_length.items():
            if length == network.prefixlen:
                if network in networks:
                    return networks[network]
                continue
            for other, name in networks.items():
                if _inside(other, network) or _inside(network, other):
                    return name
        return ""


def _inside(inner: Network, outer: Network) -> bool:
    return (
        inner.version == outer.version
        and inner.prefixlen >= outer.prefixlen
        and int(outer.network_address) <= int(inner.network_address) <= int(outer.broadcast_address)
    )


def _fixed_addresses(family: str, manifest: Manifest) -> dict[str, list[Address]]:
    fixed: dict[str, list[Address]] = defaultdict(list)
    for endpoint in manifest.endpoints.values():
        if (address := getattr(endpoint, family)) is not None:
            fixed[endpoint.host].append(address)
    return fixed


def _around(name: str, address: Address, whole: Network, prefix: int, taken: _Networks) -> Network:
    """The slice that a fixed address lies in, if nobody else has it."""
    shift = whole.max_prefixlen - prefix
    network = type(whole)((int(address) >> shift << shift, prefix))
    if holder := taken.holder(network):
        raise ManifestError(
            Problem(
                f"the address {address} fixed on host {name} lies in the slice {network} of host {holder}",
                f"Fix another address, or give host {holder} another slice under `slice`.",
            )
        )
    return network


def _free_slice(name: str, family: str, whole: Network, prefix: int, taken: _Networks) -> Network:
    shift = whole.max_prefixlen - prefix
    for place in probe(f"slice {family} {name}", 1 << (prefix - whole.prefixlen)):
        network = type(whole)((int(whole.network_address) + (place << shift), prefix))
        if not taken.holder(network):
            return network
    raise ManifestError(Problem(f"there is no free slice of {whole} for host {name}", "Use a larger range."))


def choose_seats(manifest: Manifest, slices: Iterable[SliceLine], lines: Iterable[SeatLine]) -> tuple[SeatLine, ...]:
    """Each endpoint's id and addresses on its host: the fixed ones, then those it has, then new ones."""
    on_host: dict[str, list[EndpointEntry]] = defaultdict(list)
    for endpoint in manifest.endpoints.values():
        on_host[endpoint.host].append(endpoint)
    old: dict[str, dict[str, SeatLine]] = defaultdict(dict)
    for line in sorted(lines, key=lambda line: (line.id, str(line.ipv4), str(line.ipv6)), reverse=True):
        old[line.host][line.key] = line
    seats: list[SeatLine] = []
    for part in slices:
        endpoints = sorted(on_host[part.host], key=lambda endpoint: endpoint.key)
        mine = old[part.host]
        ids = _ids(part.host, endpoints, mine)
        ipv4 = _addresses("ipv4", part.ipv4, endpoints, mine)
        ipv6 = _addresses("ipv6", part.ipv6, endpoints, mine)
        seats += [SeatLine(key, part.host, number, ipv4.get(key), ipv6.get(key)) for key, number in ids.items()]
    return tuple(sorted(seats, key=lambda seat: seat.key))


def _ids(host: str, endpoints: Iterable[EndpointEntry], old: Mapping[str, SeatLine]) -> dict[str, int]:
    chosen: dict[str, int] = {}
    taken: set[int] = set()
    for endpoint in endpoints:
        line = old.get(endpoint.key)
        if line is not None and 1 <= line.id <= MOST_SEATS and line.id not in taken:
            chosen[endpoint.key] = line.id
            taken.add(line.id)
    for endpoint in endpoints:
        if endpoint.key not in chosen:
            number = next((place + 1 for place in probe(f"id {endpoint.key}", MOST_SEATS) if place + 1 not in taken), 0)
            if not number:
                raise ManifestError(Problem(f"host {host} has more than {MOST_SEATS} endpoints"))
            chosen[endpoint.key] = number
            taken.add(number)
    return chosen


def _addresses(
    family: str, network: Optional[Network], endpoints: Iterable[EndpointEntry], old: Mapping[str, SeatLine]
) -> dict[str, Any]:
    if network is None:
        return {}
    chosen: dict[str, Address] = {
        endpoint.key: fixed for endpoint in endpoints if (fixed := getattr(endpoint, family)) is not None
    }
    taken = {int(address) for address in chosen.values()}
    first, last = first_usable(network), last_usable(network)
    for endpoint in endpoints:
        line = old.get(endpoint.key)
        kept: Optional[Address] = getattr(line, family) if line is not None else None
        if endpoint.key not in chosen and kept is not None and first <= int(kept) <= last and int(kept) not in taken:
            chosen[endpoint.key] = kept
            taken.add(int(kept))
    for endpoint in endpoints:
        if endpoint.key not in chosen:
            # Of a large slice only the beginning is used: fd42:0:0:7::1f3a is easier to read than 64 random bits.
            places = probe(f"{family} {endpoint.key}", max(1, min(last - first + 1, _LONGEST_PROBE - 2)))
            number = next(
                (first + place for place in places if first + place not in taken and first + place <= last), 0
            )
            if not number:
                raise ManifestError(Problem(f"there is no free address in {network} for endpoint {endpoint.key}"))
            chosen[endpoint.key] = type(network.network_address)(number)
            taken.add(number)
    return chosen
