"""Every example is right, its network is what it asserts, and on hosts that have nothing it gives the plan beside it.

`NETCTL_GOLDEN=write pytest tests/test_examples.py` writes the plans anew; read the difference before committing.
"""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from bpf.layout import LAYOUT
from cli.render import page, terminal
from cli.render.words import Words
from cli.test import judge
from schemas.loader import load_cluster
from schemas.lockfile import read
from state.kinds import KINDS
from state.lock import allocate
from state.plan import HostPlan, Observation, Plan, for_host
from tests.cli.fake_fleet import facts

EXAMPLES = sorted(path.parent for path in (Path(__file__).parent.parent / "examples").glob("*/netctl.yaml"))
OBJECTS = {"endpoint": "e" * 16, "overlay": "0" * 16, "uplink": "f" * 16}


@pytest.fixture(params=EXAMPLES, ids=lambda path: path.name)
def example(request: pytest.FixtureRequest) -> Path:
    """The folder of one example."""
    folder: Path = request.param
    return folder


def test_it_is_valid_and_gives_no_warning(example: Path) -> None:
    assert load_cluster(example)[1] == []


def test_its_lock_file_is_what_netctl_lock_would_write(example: Path) -> None:
    from schemas.loader import load

    manifest, _ = load(example)
    lock = read(example)
    assert allocate(manifest, lock) == lock


def test_its_assertions_hold(example: Path) -> None:
    cluster, _ = load_cluster(example)
    judged = judge(cluster)
    assert [one.assertion for one in judged] == list(cluster.assertions)
    assert [one.told for one in judged if not one.holds] == []


def test_on_hosts_that_have_nothing_it_gives_the_plan_beside_it(example: Path) -> None:
    cluster, warnings = load_cluster(example)
    hosts: list[HostPlan] = []
    for number, name in enumerate(sorted(cluster.hosts), 1):
        known = replace(facts(number), objects=OBJECTS)
        hosts.append(for_host(KINDS, cluster, name, Observation(known, {kind.name: {} for kind in KINDS})))
    text = page.text(terminal.lines(Plan(cluster.name, tuple(hosts), tuple(warnings)), Words(KINDS, cluster)))
    text = text.replace(LAYOUT, "0" * len(LAYOUT))  # the datapath's, not the example's
    path = example / "plan.txt"
    if os.environ.get("NETCTL_GOLDEN") == "write":
        path.write_text(text)
    assert text == path.read_text()
