"""BOTH SIDES: a fleet's endpoints sorted by what is enforced for them and whom others take them for.

Most of the time a group is an identity, however many endpoints and hosts it has: its members' hosts enforce the same
for them and know them by the same identity, before the changes of a plan and after.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Optional

from state.cluster import Cluster, Endpoint
from state.policy.enforced import NOBODY_ISOLATED, Enforced
from state.policy.narrowest import Blocks
from state.policy.parties import IpAddress
from state.policy.peer_answers import Answers
from state.policy.stance import Group, Member, Stance
from state.problem import Source

DIRECTIONS = ("egress", "ingress")
_NO_BLOCKS = Blocks({})


@dataclass(frozen=True)
class Alike:
    """All stances by direction, and the endpoints that have none because they come or go with the plan."""

    stances: Mapping[str, tuple[Stance, ...]]
    arriving: tuple[str, ...]
    leaving: tuple[str, ...]


def alike(cluster: Cluster, hosts: Mapping[str, Enforced]) -> Alike:
    """The endpoints that are there before and after, sorted. Their bits are their places in name order."""
    return _Sorting(cluster, hosts).result()


class _Sorting:
    def __init__(self, cluster: Cluster, hosts: Mapping[str, Enforced]) -> None:
        self._cluster, self._hosts = cluster, hosts
        self._lived = {
            address: (host, peer)
            for host, enforced in hosts.items()
            for address, peer in enforced.peers.items()
            if peer is not None and peer.endpoint
        }
        self._groups: dict[object, Group] = {}
        self._stances: dict[str, dict[object, Stance]] = {direction: {} for direction in DIRECTIONS}
        staying = {endpoint.key: self._staying(endpoint) for endpoint in cluster.endpoints.values()}
        self._staying_at = {key: found for key, found in staying.items() if found}
        self._arriving = tuple(sorted(key for key, found in staying.items() if not found))
        self._views, self._view_of = self._all_views()

    def result(self) -> Alike:
        """Everybody in their place."""
        for place, (key, endpoint) in enumerate(sorted(self._cluster.endpoints.items())):
            self._sort(endpoint, self._staying_at.get(key, {}), 1 << place)
        stances = {direction: tuple(found.values()) for direction, found in self._stances.items()}
        return Alike(stances, self._arriving, self._leaving())

    def _staying(self, endpoint: Endpoint) -> dict[int, str]:
        """The addresses, by IP version, that the endpoint has now and keeps."""
        changed = self._hosts[endpoint.host].peers.keys() if endpoint.host in self._hosts else ()
        found = {address.version: str(address) for address in (endpoint.ipv4, endpoint.ipv6) if address is not None}
        return {
            version: address for version, address in found.items() if address not in changed or address in self._lived
        }

    def _leaving(self) -> tuple[str, ...]:
        """An address of each endpoint that goes."""
        staying = {address for found in self._staying_at.values() for address in found.values()}
        gone: dict[tuple[str, int], str] = {}
        for address, (host, peer) in sorted(self._lived.items()):
            if address not in staying:
                gone.setdefault((host, peer.endpoint), address)
        return tuple(sorted(gone.values()))

    def _all_views(self) -> tuple[list[dict[str, int]], dict[str, int]]:
        """Who hosts took an address for, where that is not what it is now; hosts that agree share a view."""
        now = {
            address: self._cluster.endpoints[key].identity
            for key, found in self._staying_at.items()
            for address in found.values()
        }
        numbers: dict[frozenset[tuple[str, int]], int] = {frozenset(): 0}
        chosen: dict[str, int] = {}
        for host, enforced in self._hosts.items():
            seen = {address: 0 if peer is None else peer.identity for address, peer in enforced.peers.items()}
            odd = frozenset((address, number) for address, number in seen.items() if now.get(address, number) != number)
            chosen[host] = numbers.setdefault(odd, len(numbers))
        return [dict(odd) for odd in numbers], chosen

    def _sort(self, endpoint: Endpoint, addresses: Mapping[int, str], bit: int) -> None:
        """Into one group; into two, where somebody has made its two addresses different."""
        parts: dict[tuple[str, int, str], dict[int, str]] = {}
        for version, address in addresses.items():
            home, peer = self._lived.get(address, (endpoint.host, None))
            was = (home, endpoint.identity, "") if peer is None else (home, peer.identity, peer.drift)
            parts.setdefault(was, {})[version] = address
        for was, part in parts.items():
            stances = [self._stance(direction, endpoint, *was) for direction in DIRECTIONS]
            seen = {
                version: tuple(view.get(address, endpoint.identity) for view in self._views)
                for version, address in part.items()
            }
            key = endpoint.identity, tuple(seen.items()), *map(id, stances)
            if key not in self._groups:
                self._groups[key] = Group(endpoint.identity, seen)
                for stance in stances:
                    stance.groups.append(self._groups[key])
            self._groups[key].members.append(_member(endpoint, part, bit))

    def _stance(self, direction: str, endpoint: Endpoint, home: str, identity: int, drift: str) -> Stance:
        """What is enforced for an endpoint that lived at `home` with an identity."""
        if endpoint.host not in self._hosts:
            return self._of(direction, NOBODY_ISOLATED, NOBODY_ISOLATED, (_NO_BLOCKS, _NO_BLOCKS), 0, False, None)
        old, new = self._hosts[home], self._hosts[endpoint.host]
        was = old.before.numbered(_drifted(drift)[direction]) if drift else old.before.of(direction, identity)
        now = new.after.of(direction, endpoint.identity)
        blocks = old.before.blocks, new.after.blocks
        place = new.places.get((direction, endpoint.identity))
        return self._of(direction, was or NOBODY_ISOLATED, now, blocks, self._view_of[home], was is not None, place)

    def _of(
        self,
        direction: str,
        before: Answers,
        after: Answers,
        blocks: tuple[Blocks, Blocks],
        view: int,
        known: bool,
        place: Optional[Source],
    ) -> Stance:
        """The one stance like this. Blocks count where anything could depend on them."""
        by_address = view or before is not after or blocks[0] is not blocks[1] or before.by_block
        key = id(before), id(after), tuple(map(id, blocks)) if by_address else (), view, known, place
        if key not in self._stances[direction]:
            self._stances[direction][key] = Stance(before, after, blocks, view, known, place)
        return self._stances[direction][key]


def _member(endpoint: Endpoint, versions: Iterable[int], bit: int) -> Member:
    known: dict[int, IpAddress] = {
        address.version: address for address in (endpoint.ipv4, endpoint.ipv6) if address is not None
    }
    return Member(bit, {version: (version, known[version].max_prefixlen, int(known[version])) for version in versions})


def _drifted(text: str) -> dict[str, int]:
    """The numbers in `ingress 3, egress 0`: what somebody made an entry refer to."""
    return {direction: int(number) for direction, number in (part.split() for part in text.split(", "))}
