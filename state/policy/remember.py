"""BOTH SIDES: what is made once per cluster and asked for by every kind and every host."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

from state.cluster import Cluster

V = TypeVar("V")


class OncePerCluster(Generic[V]):
    """A function of a cluster that keeps its last few results: the same object gives the same result."""

    def __init__(self, make: Callable[[Cluster], V]) -> None:
        self._make = make
        self._kept: tuple[tuple[Cluster, V], ...] = ()

    def __call__(self, cluster: Cluster) -> V:
        for known, value in self._kept:
            if known is cluster:
                return value
        value = self._make(cluster)
        self._kept = ((cluster, value), *self._kept[:1])  # the old and the new cluster of a change
        return value
