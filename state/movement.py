"""BOTH SIDES: which identities the endpoints of a fleet have before a change, and which after it.

Read from the manifest and from the changes alone: an address that no change speaks of keeps its identity.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from state.change import Change
from state.cluster import Cluster, Endpoint
from state.policy.labels import FIRST_IDENTITY
from state.policy.tables import Peer


class Movement:
    """Where identities go. `everywhere` maps each old one to those its endpoints have afterwards: none, if they go."""

    def __init__(self, changes: Mapping[str, Sequence[Change]], cluster: Cluster) -> None:
        self._cluster = cluster
        self._before = {host: dict(_before(items)) for host, items in changes.items()}
        self.new = frozenset(endpoint.identity for endpoint in cluster.endpoints.values())
        self.everywhere = self._moves(cluster.endpoints.values(), self._before.values())

    @property
    def old(self) -> frozenset[int]:
        """The identities in use before."""
        return frozenset(self.everywhere)

    @property
    def going(self) -> frozenset[int]:
        """The identities that nobody has afterwards."""
        return self.old - self.new

    def on(self, host: str) -> Mapping[int, frozenset[int]]:
        """The same for the endpoints of one host."""
        return self._moves(self._cluster.endpoints_on(host), [self._before.get(host, {})], local=True)

    def _moves(
        self, endpoints: Iterable[Endpoint], seen: Iterable[Mapping[str, Peer | None]], local: bool = False
    ) -> Mapping[int, frozenset[int]]:
        views = list(seen)
        moves: dict[int, set[int]] = {}
        known: set[str] = set()
        for endpoint in endpoints:
            for address in map(str, filter(None, (endpoint.ipv4, endpoint.ipv6))):
                known.add(address)
                for before in {_identity(view[address]) for view in views if address in view} or {endpoint.identity}:
                    if before:
                        moves.setdefault(before, set()).add(endpoint.identity)
        for view in views:
            for address, peer in view.items():
                if address in known or peer is None or peer.identity < FIRST_IDENTITY:
                    continue
                if peer.endpoint or not local:
                    moves.setdefault(peer.identity, set())
        return {identity: frozenset(targets) for identity, targets in moves.items()}


def _before(changes: Iterable[Change]) -> Iterator[tuple[str, Peer | None]]:
    for change in changes:
        if change.kind == "peer":
            yield change.address, change.before if isinstance(change.before, Peer) else None


def _identity(peer: Peer | None) -> int:
    return 0 if peer is None else peer.identity
