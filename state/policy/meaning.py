"""BOTH SIDES: whom selectors and entities mean, found once per cluster: an index narrows, the selector decides."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from state.cluster import Cluster
from state.policy.labels import CLUSTER, RESERVED, Labels, Selector, parse

INSIDE = ("host", "remote-node", "init", "ingress", "health", "unmanaged")
"""Entities that are part of `cluster` whatever their labels."""


class Meaning:
    """The identities of a cluster, retired and reserved ones too, ready to be selected."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster.name
        written = dict(cluster.identities)
        for endpoint in cluster.endpoints.values():
            written.setdefault(endpoint.identity, endpoint.identity_labels)
        written.update(RESERVED)
        self._labels: Mapping[int, Labels] = {number: Labels(labels) for number, labels in written.items()}
        self._having: dict[tuple[str, str, str], set[int]] = {}
        for number, labels in written.items():
            for source, key, value in map(parse, labels):
                for name in (source, "any"):
                    self._having.setdefault((name, key, value), set()).add(number)
        self._selected: dict[Selector, frozenset[int]] = {}
        self._entities: dict[str, frozenset[int]] = {}

    def labels(self, identity: int) -> Labels:
        """The labels of an identity."""
        return self._labels[identity]

    def selected(self, selector: Selector) -> frozenset[int]:
        """The identities that a selector means."""
        found = self._selected.get(selector)
        if found is None:
            candidates = self._candidates(selector)
            found = frozenset(number for number in candidates if selector.matches(self._labels[number]))
            self._selected[selector] = found
        return found

    def _candidates(self, selector: Selector) -> Iterable[int]:
        """Few identities among which are all that the selector means: those with the rarest label it insists on."""
        few: Iterable[int] = self._labels
        least = len(self._labels)
        for item in selector.requirements:
            if item.operator == "In" and len(item.values) == 1:
                having = self._having.get((item.source, item.key, item.values[0]), set())
                if len(having) <= least:
                    few, least = having, len(having)
        return few

    def entity(self, name: str) -> frozenset[int]:
        """The identities that an entity means."""
        if name not in self._entities:
            self._entities[name] = frozenset(
                number for number, labels in self._labels.items() if self._is_entity(name, labels)
            )
        return self._entities[name]

    def _is_entity(self, name: str, labels: Labels) -> bool:
        if name != "cluster":
            return bool(labels.values("reserved", name))
        inside = any(labels.values("reserved", one) for one in INSIDE)
        return inside or self._cluster in labels.values("k8s", CLUSTER)
