"""BOTH SIDES: which endpoints can live on their host now, which wait for a namespace that somebody else will make."""

from __future__ import annotations

from state.cluster import Cluster, Endpoint
from state.facts import Facts


def is_pending(endpoint: Endpoint, facts: Facts) -> bool:
    """Whether the endpoint waits: its namespace is to be made by somebody else, and is not there yet."""
    return not endpoint.create_netns and endpoint.netns not in facts.present


def placed(cluster: Cluster, host: str, facts: Facts) -> list[Endpoint]:
    """The endpoints of `host` that get a device now, in key order."""
    return [endpoint for endpoint in cluster.endpoints_on(host) if not is_pending(endpoint, facts)]


def pending(cluster: Cluster, host: str, facts: Facts) -> list[str]:
    """The keys of the endpoints of `host` that wait; every other host knows them already."""
    return [endpoint.key for endpoint in cluster.endpoints_on(host) if is_pending(endpoint, facts)]
