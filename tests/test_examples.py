"""Every example is right, its network is what it asserts, and on hosts that have nothing it gives the plan beside it.

`NETCTL_GOLDEN=write pytest tests/test_examples.py` writes the plans anew; read the difference before committing.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from bpf.layout import LAYOUT
from cli.render import page, terminal
from cli.render.words import Words
from cli.test import judge
from schemas.loader import load_cluster
from schemas.lockfile import read
from state.change import Found
from state.cluster import Cluster
from state.desired import Desired, desired
from state.facts import Facts
from state.kinds import KINDS
from state.lock import allocate
from state.plan import HostPlan, Observation, Plan, for_host, with_traffic
from tests.cli.fake_fleet import facts

ROOT = Path(__file__).parent.parent
EXAMPLES = sorted(path.parent for path in (ROOT / "examples").glob("*/netctl.yaml"))
OBJECTS = {"endpoint": "e" * 16, "overlay": "0" * 16, "uplink": "f" * 16}


def planned(cluster: Cluster, wanted_before: Callable[[str, Facts], Desired]) -> str:
    """The plan for hosts that are what they were wanted to be before."""
    hosts: list[HostPlan] = []
    for number, name in enumerate(sorted(cluster.hosts), 1):
        known = replace(facts(number), objects=OBJECTS)
        before = wanted_before(name, known).items()
        found = {kind: {key: Found(item.value) for key, item in values.items()} for kind, values in before}
        hosts.append(for_host(KINDS, cluster, name, Observation(known, found)))
    plan = with_traffic(Plan(cluster.name, tuple(hosts)), cluster)
    return page.text(terminal.lines(plan, Words(KINDS, cluster)))


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
    cluster, _ = load_cluster(example)
    text = planned(cluster, lambda host, known: {kind.name: {} for kind in KINDS})
    text = text.replace(LAYOUT, "0" * len(LAYOUT))  # the datapath's, not the example's
    path = example / "plan.txt"
    if os.environ.get("NETCTL_GOLDEN") == "write":
        path.write_text(text)
    assert text == path.read_text()


def test_the_readme_shows_what_its_change_does_to_traffic(tmp_path: Path) -> None:
    """The line that it shows as a diff, made in the example."""
    readme = (ROOT / "README.md").read_text()
    old, new = (re.findall(rf"^\{sign}(  db-1: .*)$", readme, re.MULTILINE)[0] for sign in "-+")
    folder = Path(shutil.copytree(ROOT / "examples" / "three-hosts", tmp_path / "three-hosts"))
    before, _ = load_cluster(folder)
    text = (folder / "netctl.yaml").read_text()
    assert old in text
    (folder / "netctl.yaml").write_text(text.replace(old, new))
    after, _ = load_cluster(folder)
    shown = planned(after, lambda host, known: desired(KINDS, before, host, known))
    assert shown[shown.index("Traffic\n") :] in readme
