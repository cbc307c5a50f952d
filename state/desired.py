"""BOTH SIDES: what a host should hold, by kind: asked for once to compare digests, and again to make the plan."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from state.change import Wanted
from state.cluster import Cluster
from state.facts import Facts
from state.policy.remember import OncePerCluster

if TYPE_CHECKING:
    from state.kinds.kind import Kind

Desired = Mapping[str, Mapping[str, Wanted[Any]]]
"""Values by kind and address."""


def desired(kinds: Iterable[Kind[Any]], cluster: Cluster, host: str, facts: Facts) -> Desired:
    """What the host should hold. Asked again with equal facts the answer is the very same object, kind by kind."""
    known = _of_cluster(cluster)
    found: dict[str, Mapping[str, Wanted[Any]]] = {}
    for kind in kinds:
        then, before, values = known.get((host, kind.name), (None, None, {}))
        if then is not kind or before != facts:
            values = kind.desired(cluster, host, facts)
            known[host, kind.name] = kind, facts, values
        found[kind.name] = values
    return found


_Known = dict[tuple[str, str], tuple[Any, Any, Mapping[str, Wanted[Any]]]]


def _nothing(cluster: Cluster) -> _Known:
    return {}


_of_cluster = OncePerCluster(_nothing)
