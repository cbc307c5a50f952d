"""The connectivity diff of a plan: one policy of many that changes, and one that changes them all."""

from __future__ import annotations

import resource
import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from state.change import Change, Found, diff
from state.cluster import Cluster
from state.kinds import KINDS
from state.kinds.kind import Kind
from state.manifest import Document
from state.policy.connectivity import KINDS as COUNTED
from state.policy.connectivity import changed_traffic
from state.problem import Source
from tests.bench import crowd
from tests.bench.table import Line, head, note, show
from tests.kinds.towns import facts

FACTS = facts(devices={})
WHOLE, QUICK = (10_000, 2_000, 1_000, 100), (1_000, 200, 100, 20)
"""Endpoints, identities, policies, hosts."""
ONE = 2.0
"""Seconds: what a plan may spend on one changed policy."""
DENY: dict[str, Any] = {
    "kind": "CiliumClusterwideNetworkPolicy",
    "metadata": {"name": "deny"},
    "spec": {"endpointSelector": {}, "ingress": [{"fromEntities": ["remote-node"]}]},
}


def run(quick: bool) -> None:
    """Measure and print."""
    size = QUICK if quick else WHOLE
    endpoints, identities, policies, hosts = size
    head(f"Connectivity diff: {endpoints} endpoints, {identities} identities, {policies} policies, {hosts} hosts (CPU)")
    old = crowd.cluster(*size)
    place = Source("deny.yaml", 1)
    document = Document("CiliumClusterwideNetworkPolicy", "", "deny", DENY, {(): place}, place)
    measure("of one policy whose port changes", old, crowd.cluster(*size, changed=True), ONE)
    measure("of a policy that isolates everybody", old, replace(old, documents=(*old.documents, document)))
    note(f"{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024} MB at most, both manifests and their policies")


def measure(what: str, old: Cluster, new: Cluster, goal: float | None = None) -> None:
    """One diff, of tables that have been compiled: the plan needs them in any case."""
    changes = {host: planned(old, new, host) for host in new.hosts}
    started = time.process_time()
    traffic = changed_traffic(new, changes)
    spent = time.process_time() - started
    assert traffic is not None
    show(Line(what, spent, "s", at_most=goal))
    note(f"{sum(map(len, changes.values()))} policies change on the hosts; {len(traffic.flows)} flows")


def planned(old: Cluster, new: Cluster, host: str) -> tuple[Change, ...]:
    """What a plan would change of the tables of a host."""
    found: list[Change] = []
    for kind in KINDS:
        if kind.name in COUNTED:
            found += _changes(kind, old, new, host)
    return tuple(found)


def _changes(kind: Kind[object], old: Cluster, new: Cluster, host: str) -> tuple[Change, ...]:
    before: Mapping[str, Found[object]] = {
        address: Found(item.value) for address, item in kind.desired(old, host, FACTS).items()
    }
    return diff(kind.name, kind.desired(new, host, FACTS), before).changes
