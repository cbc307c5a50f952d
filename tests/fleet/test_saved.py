"""A saved plan is bound to what it was made from; and one changes a host at a time."""

from __future__ import annotations

import json
import threading
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import pytest

from cli.connect import connect
from inventory import requests
from state.kinds import KINDS
from state.plan import scope
from tests.fleet.town import Done, Town, netctl

MTU = "ip link set nc-overlay mtu 1300"


def apply(saved: Path) -> Done:
    """Apply a saved plan on the lab."""
    return netctl("apply", str(saved), "--lab", "--yes")


@pytest.fixture
def saved(town: Town, tmp_path: Path) -> Path:
    """A plan that mends the tunnels of both hosts, and another policy on top."""
    for host in town.hosts:
        town.on(host, MTU)
    town.edit('[{port: "6379", protocol: TCP}]}]\n---', '[{port: "6380", protocol: TCP}]}]\n---', "policies.yaml")
    path = tmp_path / "plan.json"
    assert town.netctl("plan", "--out", str(path)).code == 0
    return path


def test_a_saved_plan_is_applied_as_it_is(town: Town, saved: Path) -> None:
    town.restore()  # what the manifest says by now is not asked
    done = apply(saved)
    assert done.code == 0, done.out + done.err
    assert "alpha: applied" in done.out
    assert "beta: applied" in done.out
    assert town.changes() == ["alpha update policy ingress/489845"]


def test_a_host_where_what_it_touches_has_moved_is_refused_alone(town: Town, tmp_path: Path) -> None:
    for host in town.hosts:
        town.on(host, MTU)
    saved = tmp_path / "plan.json"
    town.netctl("plan", "--out", str(saved))
    town.on("beta", "ip link set nc-overlay mtu 1290")
    done = apply(saved)
    assert done.code == 6, done.out + done.err
    assert "alpha: applied" in done.out
    assert "beta: refused, nothing was changed" in done.out
    assert "device nc-overlay has changed since the plan was made" in done.err
    assert "1290" in town.on("beta", "ip link show nc-overlay")
    assert "mtu 1450" in town.on("alpha", "ip link show nc-overlay")


def test_no_host_moves_to_a_policy_while_another_is_refused(town: Town, saved: Path) -> None:
    town.on("beta", "ip link set nc-overlay mtu 1290")
    done = apply(saved)
    assert done.code == 6, done.out + done.err
    assert "alpha: held back, 1 change made, 1 left (host alpha did not go on, because beta failed)" in done.out
    assert town.changes() == ["alpha update policy ingress/489845", "beta update device nc-overlay"]
    town.settle()


MOVED = {
    "gone": ("ip link del nc-overlay", "device nc-overlay is gone since the plan was made"),
    "appeared": ("ip route add 10.42.21.0/24 via 203.0.113.254", "route 10.42.21.0/24 has appeared"),
}


@pytest.mark.parametrize("what", MOVED)
def test_what_is_gone_or_has_appeared_has_moved_too(town: Town, tmp_path: Path, what: str) -> None:
    script, sentence = MOVED[what]
    town.on("alpha", MTU if what == "gone" else "ip route del 10.42.21.0/24")
    path = tmp_path / "plan.json"
    town.netctl("plan", "--out", str(path))
    town.on("alpha", script)
    done = apply(path)
    assert done.code == 6, done.out + done.err
    assert sentence in done.err
    if what == "appeared":
        town.on("alpha", "ip route del 10.42.21.0/24 via 203.0.113.254")


def test_what_it_does_not_touch_may_move(town: Town, saved: Path) -> None:
    town.on("alpha", "ip link set nc-0ec9 mtu 1400; ip route del 10.42.21.0/24; ip route add 192.0.2.0/24 dev eth0")
    done = apply(saved)
    assert done.code == 0, done.out + done.err
    assert "Warning: host alpha is not what the manifest says, in what the saved plan does not touch" in done.err
    assert "~ device nc-0ec9" in done.err
    assert "+ route 10.42.21.0/24" in done.err
    assert "host beta" not in done.err
    assert "mtu 1400" in town.on("alpha", "ip link show nc-0ec9"), "not its business"
    town.on("alpha", "ip route del 192.0.2.0/24")


def test_applying_it_twice_is_refused(town: Town, saved: Path) -> None:
    assert apply(saved).code == 0
    again = apply(saved)
    assert again.code == 6, again.out + again.err


def test_a_plan_that_was_edited_is_refused(town: Town, saved: Path) -> None:
    plan = json.loads(saved.read_text())
    plan["hosts"][0]["changes"][0]["before"]["mtu"] = 1290
    saved.write_text(json.dumps(plan))
    done = apply(saved)
    assert done.code == 65
    assert "edited after it was saved" in done.err


@contextmanager
def somebody_else(town: Town, *hosts: str) -> Generator[None]:
    """While entered, somebody else's agent holds the lock of these hosts."""
    cluster = town.cluster
    with connect(town.folder, cluster, hosts, (), lab=True) as fleet:
        for host in hosts:
            requests.apply(fleet.session(host), scope(cluster, host), KINDS, (), "netctl apply elsewhere")
        yield


def test_a_host_that_somebody_else_is_changing_is_left_alone(town: Town) -> None:
    for host in town.hosts:
        town.on(host, MTU)
    with somebody_else(town, "beta"):
        assert town.netctl("plan").code == 0, "looking is free"
        done = town.netctl("apply", "--yes")
    assert done.code == 7, done.out + done.err
    assert "alpha: applied" in done.out
    assert "beta: refused, nothing was changed" in done.out
    assert "`netctl apply elsewhere`" in done.err
    assert town.changes() == ["beta update device nc-overlay"], "the lock went with its process"
    town.settle()


def test_of_two_applies_at_once_each_host_takes_one(town: Town) -> None:
    for host in town.hosts:
        town.on(host, MTU)
    barrier = threading.Barrier(2)
    codes: list[int] = []

    def one() -> None:
        cluster = town.cluster
        with connect(town.folder, cluster, (), (), lab=True) as fleet:
            for host in fleet.hosts:
                assert fleet.session(host).hello
            barrier.wait(30)
            rows = fleet.each(lambda session: requests.apply(session, scope(cluster, session.name), KINDS, (), "one"))
            codes.extend(row.error.exit_code if row.error else 0 for row in rows.values())
            barrier.wait(30)

    threads = [threading.Thread(target=one) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(codes) == [0, 0, 7, 7]
