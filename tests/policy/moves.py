"""WORKSTATION: two manifests of one fleet, and what a plan from one to the other would change, for the tests."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from state.change import Change, Found
from state.cluster import Cluster, Endpoint
from state.kinds.block import Blocks
from state.kinds.peer import Peers
from state.kinds.policy import Policies
from state.plan import Observation, for_host
from tests.kinds.towns import facts

KINDS = (Peers(), Blocks(), Policies())
FACTS = facts(devices={})


def numbered(before: Cluster, after: Cluster) -> Cluster:
    """`after`, with the numbers and addresses that `before` gives, as a lock file would have it."""
    numbers = {labels: number for number, labels in before.identities.items()}
    for labels in after.identities.values():
        numbers.setdefault(labels, (1 << 16) + 256 + len(numbers))
    endpoints: dict[str, Endpoint] = {}
    for key, endpoint in after.endpoints.items():
        kept = before.endpoints.get(key, endpoint)
        number = numbers[endpoint.identity_labels]
        endpoints[key] = replace(endpoint, identity=number, id=kept.id, ipv4=kept.ipv4, ipv6=kept.ipv6)
    return replace(after, endpoints=endpoints, identities={number: labels for labels, number in numbers.items()})


def changes(before: Cluster, after: Cluster) -> Mapping[str, tuple[Change, ...]]:
    """What a plan would change on each host that enforces `before`."""
    return {host: on_host(before, after, host) for host in after.hosts}


def on_host(before: Cluster, after: Cluster, host: str) -> tuple[Change, ...]:
    """The same on one host."""
    found = {
        kind.name: {key: Found(item.value) for key, item in kind.desired(before, host, FACTS).items()} for kind in KINDS
    }
    return for_host(KINDS, after, host, Observation(FACTS, found)).changes
