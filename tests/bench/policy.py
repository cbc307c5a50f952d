"""The policy engine: verdicts about 10,000 flows between 1,000 endpoints under 500 policies, in this process.

Twice: where each policy is about one application, and where all of them are about everybody.
"""

from __future__ import annotations

import json
import random
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from schemas.loader import load
from state import lock
from state.cluster import Cluster
from state.policy import parties
from state.policy.engine import Engine
from state.policy.matrix import matrix
from tests.bench.table import Line, head, note, show

ENDPOINTS, POLICIES, PROBES = 1000, 500, 10_000
APPLICATIONS, NAMESPACES = 200, 20
NAMESPACE = "k8s:io.kubernetes.pod.namespace"
AT_MOST = 5.0
"""Seconds: the goal is a CI job that nobody waits for."""


def run(runs: int) -> None:
    """Measure and print."""
    head(f"The policy engine: {ENDPOINTS} endpoints, {POLICIES} policies, {PROBES} flows (CPU, medians)")
    for what, subject in (("each about one application", _one), ("each about everybody", _everybody)):
        cluster = _cluster(subject)
        flows = _flows(cluster)
        taken = [_spent(cluster, flows) for _ in range(runs)]
        show(Line(f"policies {what}: read", statistics.median(made for made, _, _ in taken), "s"))
        seconds = statistics.median(judged for _, judged, _ in taken)
        show(Line(f"policies {what}: {PROBES} verdicts", seconds, "s", at_most=AT_MOST))
        before = time.process_time()
        groups = len(matrix(cluster).groups)
        show(Line(f"policies {what}: matrix of {groups} groups", time.process_time() - before, "s"))
        note(f"{len(cluster.identities)} identities; allowed {taken[0][2]} of {PROBES}")


def _one(number: int) -> dict[str, str]:
    return {"app": f"a{number % APPLICATIONS}"}


def _everybody(number: int) -> dict[str, str]:
    return {}


def _policy(number: int, subject: Callable[[int], dict[str, str]]) -> Any:
    peers = [
        {"app": f"a{(number * 7 + other * 20) % APPLICATIONS}", NAMESPACE: f"ns{(number + other) % NAMESPACES}"}
        for other in range(5)
    ]
    way = ("ingress", "fromEndpoints") if number % 5 else ("egress", "toEndpoints")
    entries: list[Any] = [
        {
            way[1]: [{"matchLabels": labels} for labels in peers],
            "toPorts": [{"ports": [{"port": str(80 + number % 8), "protocol": "TCP"}]}],
        },
        {"fromCIDR" if number % 5 else "toCIDR": [f"198.51.{number % 250}.0/24"]},
    ]
    return {
        "apiVersion": "cilium.io/v2",
        "kind": "CiliumNetworkPolicy",
        "metadata": {"name": f"p{number}", "namespace": f"ns{number % NAMESPACES}"},
        "spec": {"endpointSelector": {"matchLabels": subject(number)}, way[0]: entries},
    }


def _cluster(subject: Callable[[int], dict[str, str]]) -> Cluster:
    hosts = {f"h{number:02}": {"address": f"203.0.113.{number + 1}"} for number in range(20)}
    endpoints = {
        f"ns{number % NAMESPACES}/e{number}": {
            "host": f"h{number % 20:02}",
            "labels": {"app": f"a{number % APPLICATIONS}", "tier": f"t{number % 3}"},
            "attach": {"netns": f"e{number}"},
        }
        for number in range(ENDPOINTS)
    }
    main = {
        "cluster": {"name": "bench", "id": 1},
        "ranges": {"endpoints": {"ipv4": "10.42.0.0/16"}},
        "hosts": hosts,
        "namespaces": {f"ns{number}": {"labels": {"team": f"t{number % 4}"}} for number in range(NAMESPACES)},
        "endpoints": endpoints,
    }
    with tempfile.TemporaryDirectory(prefix="netctl-bench-") as name:
        folder = Path(name)
        (folder / "netctl.yaml").write_text(json.dumps(main))
        documents = [json.dumps(_policy(number, subject)) for number in range(POLICIES)]
        (folder / "policies.yaml").write_text("\n---\n".join(documents))
        manifest, _ = load(folder, require_host_keys=False)
    return lock.number(manifest, lock.allocate(manifest, lock.Lock()))


def _flows(cluster: Cluster) -> list[tuple[str, str, int]]:
    chance = random.Random(1)
    names = [*cluster.endpoints, *(f"198.51.{number}.9" for number in range(250))]
    owned = [*cluster.endpoints]
    return [(chance.choice(names), chance.choice(owned), chance.choice((80, 84, 443))) for _ in range(PROBES)]


def _spent(cluster: Cluster, flows: list[tuple[str, str, int]]) -> tuple[float, float, int]:
    """Seconds for reading the documents and for the verdicts, and how many of them were `allow`."""
    before = time.process_time()
    engine = Engine(cluster)
    made = time.process_time()
    allowed = sum(
        engine.decide(parties.find(cluster, origin), parties.find(cluster, target), "TCP", port).allowed
        for origin, target, port in flows
    )
    return made - before, time.process_time() - made, allowed
