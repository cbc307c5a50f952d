"""Random policies, applied to hosts: packets are judged as the engine says, whoever sends them and wherever they go."""

from __future__ import annotations

import json
import shutil
from collections.abc import Generator
from itertools import cycle, product
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, assume, given, settings
from hypothesis import strategies as st

from tests.fleet.town import Town, netctl
from tests.policy import generate

HOSTS = ("alpha", "beta")
ENDPOINTS = (("default", "e0", "alpha"), ("shop", "e1", "alpha"), ("shop", "e2", "beta"), ("ops", "e3", "beta"))
WORLD = ("10.1.2.3", "198.51.100.7", "198.51.100.200", "2001:db8::7", "2001:db8:9::1")
PROBES = (
    *({"port": f"{port}/{protocol}"} for protocol in ("TCP", "UDP", "SCTP") for port in (53, 80, 8080)),
    {"protocol": "ICMP"},
    {"port": "443/TCP"},
)


def assertions() -> list[dict[str, str]]:
    """Everybody speaks with everybody, each pair in two ways; what is expected is not asked here."""
    inside = [f"{namespace}/{name}" for namespace, name, _ in ENDPOINTS]
    others = [*HOSTS, *WORLD]
    pairs = [pair for pair in product(inside, inside) if pair[0] != pair[1]]
    pairs += [*product(inside, others), *product(others, inside)]
    ways = cycle(PROBES)
    found = [{"from": one, "to": two, **next(ways), "expect": "allow"} for one, two in pairs for _ in range(2)]
    # What leaves the cluster is masqueraded: TCP, UDP and ICMP, but not SCTP, which the datapath therefore drops.
    return [item for item in found if not (item["to"] in WORLD and "SCTP" in item.get("port", ""))]


def manifest(labels: list[dict[str, str]], ports: list[dict[str, str]]) -> dict[str, Any]:
    """A manifest of always the same hosts and endpoints."""
    return {
        "cluster": {"name": "dice", "id": 3},
        "ranges": {"endpoints": {"ipv4": "10.42.0.0/16", "ipv6": "fd42::/48"}},
        "hosts": {
            name: {
                "address": f"203.0.113.{10 + number}",
                "underlay": {"ipv4": f"203.0.113.{10 + number}", "ipv6": f"2001:db8:0:1::{10 + number}"},
                "slice": {"ipv4": f"10.42.{number}.0/24", "ipv6": f"fd42:0:0:{number}::/64"},
            }
            for number, name in enumerate(HOSTS, 1)
        },
        "namespaces": {name: {"labels": found} for name, found in generate.SPACES.items() if name != "default"},
        "endpoints": {
            name: {
                "host": host,
                "namespace": namespace,
                "labels": labels[place],
                "ports": ports[place],
                "attach": {"netns": name},
                "address": {"ipv4": f"10.42.{1 + HOSTS.index(host)}.{10 + place}"},
            }
            for place, (namespace, name, host) in enumerate(ENDPOINTS)
        },
        "assertions": assertions(),
    }


def write(folder: Path, values: dict[str, Any], documents: list[dict[str, Any]]) -> bool:
    """Write the manifest and number it; False where it is refused."""
    (folder / "netctl.yaml").write_text(json.dumps(values, indent=1))  # which is YAML, too
    (folder / "policies.yaml").write_text("\n---\n".join(json.dumps(item, indent=1) for item in documents))
    return netctl("lock", str(folder)).code == 0


NAMED = st.dictionaries(st.sampled_from(generate.NAMES), st.sampled_from(("80/TCP", "8080/TCP", "53/UDP")), max_size=2)
FOUR_LABELS = st.lists(generate.labels(), min_size=4, max_size=4)
FOUR_PORTS = st.lists(NAMED, min_size=4, max_size=4)


@pytest.fixture(scope="module")
def dice(tmp_path_factory: pytest.TempPathFactory) -> Generator[Town]:
    """Two hosts, booted for a manifest without policies."""
    pristine = tmp_path_factory.mktemp("pristine")
    assert write(pristine, manifest([{}] * 4, [{}] * 4), [])
    town = Town(tmp_path_factory.mktemp("fleet") / "dice", pristine)
    try:
        town.boot()
        yield town
    finally:
        town.down()
        shutil.rmtree(town.folder)


@settings(
    max_examples=10,
    database=None,
    deadline=None,
    derandomize=True,
    phases=[Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.filter_too_much],
)
@given(labels=FOUR_LABELS, ports=FOUR_PORTS, documents=generate.documents())
def test_packets_are_judged_as_the_engine_says(
    dice: Town, labels: list[dict[str, str]], ports: list[dict[str, str]], documents: list[dict[str, Any]]
) -> None:
    assume(write(dice.folder, manifest(labels, ports), documents))
    dice.apply()
    dice.agrees()


@pytest.mark.parametrize("mode", ["overlay", "native"])
def test_without_policies_everybody_is_heard(dice: Town, mode: str) -> None:
    values = manifest([{}] * 4, [{}] * 4)
    assert write(dice.folder, values | {"network": {"mode": mode}}, [])
    dice.settle()
    dice.agrees()
