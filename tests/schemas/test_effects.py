"""No field is decoration: each alone changes what hosts must have, a verdict, or how and which hosts are reached."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from inventory.selection import select
from schemas.loader import load
from state import lock, wire
from state.cluster import Cluster
from state.kinds import KINDS
from state.manifest import Manifest
from state.plan import scope
from state.policy.assertions import combinations
from state.policy.engine import decide
from tests.kinds.towns import facts
from tests.schemas.every_field import FIELDS, with_field, without_field

POLICIES = """\
apiVersion: cilium.io/v2
kind: CiliumNetworkPolicy
metadata: {name: by-port}
spec:
  endpointSelector: {}
  ingress: [{toPorts: [{ports: [{port: postgres, protocol: TCP}]}]}]
---
apiVersion: cilium.io/v2
kind: CiliumNetworkPolicy
metadata: {name: by-label}
spec:
  endpointSelector: {matchLabels: {app: db}}
  ingress: [{fromEndpoints: [{}]}]
"""

# What a field changes where it is not what a host must have.
ELSEWHERE = {
    "hosts.alpha.address": "reached",
    "hosts.alpha.ssh.user": "reached",
    "hosts.alpha.ssh.port": "reached",
    "hosts.alpha.ssh.hostKey": "reached",
    "hosts.alpha.underlay.device": "looked at",
    "hosts.alpha.labels.zone": "chosen",
    **{path: "asked" for path in FIELDS if path.startswith("assertions.")},
}


def loaded(folder: Path, document: object) -> Manifest:
    """The manifest of a document, beside its policies in two files."""
    first, _, second = POLICIES.partition("---\n")
    for name, text in {"netctl.yaml": yaml.safe_dump(document), "a.yaml": first, "policies/b.yaml": second}.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text)
    return load(folder)[0]


def effects(manifest: Manifest) -> dict[str, Any]:
    """All that a manifest brings about, without the places it stands at."""
    cluster = lock.number(manifest, lock.allocate(manifest, lock.Lock()))
    labels = {name: host.labels for name, host in cluster.hosts.items()}
    return {
        "desired": {name: desired(cluster, name) for name in cluster.hosts},
        "reached": {name: wire.dump((host.address, host.ssh)) for name, host in cluster.hosts.items()},
        "looked at": {name: wire.dump(scope(cluster, name)) for name in cluster.hosts},
        "chosen": select(labels, [], ["zone=a"]) if any("zone" in item for item in labels.values()) else [],
        "asked": [
            (one, item.expect, decide(cluster, one.origin, one.target, one.protocol, one.port).word)
            for item in cluster.assertions
            for one in combinations(cluster, item)
        ],
    }  # fmt: skip


def desired(cluster: Cluster, host: str) -> dict[str, Any]:
    """What a host must have, by kind and address."""
    underlay = cluster.hosts[host].underlay
    here = facts(underlay_ipv4=underlay.ipv4, underlay_ipv6=underlay.ipv6)
    return {
        kind.name: {address: wire.dump(wanted.value) for address, wanted in kind.desired(cluster, host, here).items()}
        for kind in KINDS
    }


@pytest.mark.parametrize("path", [path for path, value in FIELDS.items() if value is not None])
def test_each_field_alone_changes_what_it_is_about(path: str, tmp_path: Path) -> None:
    both = without_field(path), with_field(path, FIELDS[path])
    before, after = (effects(loaded(tmp_path, document)) for document in both)
    changed = {name for name in before if before[name] != after[name]}
    assert ELSEWHERE.get(path, "desired") in changed
