"""BOTH SIDES: the numbers of a manifest: `allocate` gives what is missing, `number` makes a Cluster of the two.

Numbers start from a hash of the name and probe from there, so that two Git branches rarely take the same one; where
they did, the first by name keeps it. Each host allocates in its own slice alone: an endpoint added on one host never
moves another's.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from state import lock_check
from state.allocation import choose_seats, choose_slices, labels_of
from state.cluster import Cluster, Endpoint, Host
from state.identities import choose_identities
from state.lock_lines import FILE, IdentityLine, Lock, SeatLine, SliceLine
from state.manifest import Manifest
from state.problem import ManifestError

__all__ = ["FILE", "IdentityLine", "Lock", "SeatLine", "SliceLine", "allocate", "number", "prune"]


def allocate(manifest: Manifest, lock: Lock) -> Lock:
    """The lock with everything the manifest needs: what fits is kept, what is missing is new, the rest is retired."""
    slices = choose_slices(manifest, lock.slices)
    return Lock(slices, choose_seats(manifest, slices, lock.seats), choose_identities(manifest, lock.identities))


def prune(lock: Lock) -> Lock:
    """The lock without its retired numbers, which may be given again from then on."""
    return replace(lock, identities=tuple(line for line in lock.identities if not line.retired))


def number(manifest: Manifest, lock: Lock) -> Cluster:
    """The manifest with its numbers. Raises ManifestError, with all reasons, for a lock that does not fit."""
    if problems := lock_check.duplicates(lock) or lock_check.stale(manifest, lock, allocate(manifest, lock)):
        raise ManifestError(*problems)
    return Cluster(
        name=manifest.name,
        id=manifest.id,
        network=manifest.network,
        ranges=manifest.ranges,
        hosts=_hosts(manifest, lock.slices),
        namespaces=manifest.namespaces,
        endpoints=_endpoints(manifest, lock),
        identities={line.number: line.labels for line in lock.identities},
        documents=manifest.documents,
        assertions=manifest.assertions,
    )


def _hosts(manifest: Manifest, slices: Iterable[SliceLine]) -> dict[str, Host]:
    by_host = {line.host: line for line in slices}
    hosts: dict[str, Host] = {}
    for place, (name, entry) in enumerate(sorted(manifest.hosts.items()), 1):
        mine = by_host[name]
        hosts[name] = Host(
            name, place, entry.address, entry.ssh, entry.underlay, entry.labels, mine.ipv4, mine.ipv6, entry.source
        )
    return hosts


def _endpoints(manifest: Manifest, lock: Lock) -> dict[str, Endpoint]:
    identities = {line.labels: line.number for line in lock.identities if not line.retired}
    seats = {line.key: line for line in lock.seats}
    endpoints: dict[str, Endpoint] = {}
    for key, entry in sorted(manifest.endpoints.items()):
        labels, seat = labels_of(manifest, entry), seats[key]
        endpoints[key] = Endpoint(
            namespace=entry.namespace,
            name=entry.name,
            host=entry.host,
            labels=entry.labels,
            identity_labels=labels,
            identity=identities[labels],
            id=seat.id,
            netns=entry.netns,
            ports=entry.ports,
            ipv4=seat.ipv4,
            ipv6=seat.ipv6,
            source=entry.source,
            create_netns=entry.create_netns,
            audit=entry.audit,
        )
    return endpoints
