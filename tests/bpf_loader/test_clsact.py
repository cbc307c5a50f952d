"""Where the kernel has no tcx, programs are clsact filters; the qdisc goes only if netctl added it."""

from __future__ import annotations

import pytest

from bpf import hooks
from state.host.netlink import inside
from tests.bpf_loader import intruder
from tests.bpf_loader.conftest import Town


@pytest.fixture(autouse=True)
def old_kernel(monkeypatch: pytest.MonkeyPatch) -> None:
    """A kernel without tcx, as far as netctl can tell."""
    monkeypatch.setattr(hooks, "has_tcx", lambda netns="": False)


def test_applying_twice_is_applying_once(town: Town) -> None:
    town.apply()
    assert town.plan() == []
    assert town.bpf.attachments()["eth0 ingress"].by == "clsact"
    assert "from_uplink" in town.run("tc filter show dev eth0 ingress")


def test_destroying_removes_the_qdisc_that_netctl_added(town: Town) -> None:
    town.apply()
    town.destroy()
    assert town.run("tc qdisc show dev eth0 clsact") == ""
    assert list(town.root.iterdir()) == []


def test_a_qdisc_that_was_there_stays(town: Town) -> None:
    town.run("tc qdisc add dev eth0 clsact")
    town.apply()
    town.destroy()
    assert "clsact" in town.run("tc qdisc show dev eth0 clsact")
    assert town.run("tc filter show dev eth0 ingress") == ""


def test_a_filter_of_somebody_else_keeps_the_qdisc(town: Town) -> None:
    town.apply()
    town.run("tc filter add dev eth0 ingress prio 7 protocol ip u32 match u32 0 0 flowid 1:1")
    town.destroy()
    assert "u32" in town.run("tc filter show dev eth0 ingress")


def test_a_removed_filter_is_drift(town: Town) -> None:
    town.apply()
    town.run("tc filter del dev eth0 egress")
    assert town.plan() == ["+ attachment eth0 egress"]
    town.apply()
    assert town.plan() == []


def test_a_replaced_filter_is_drift(town: Town) -> None:
    town.apply()
    with intruder.program("intruder") as fd, inside(town.home):
        hooks.put_filter(fd, town.bpf.devices()["eth0"], "egress")
    assert town.bpf.attachments()["eth0 egress"].program == "intruder"
    assert town.plan() == ["~ attachment eth0 egress"]
    town.apply()
    assert town.plan() == []


def test_changing_the_mode_replaces_filters_in_place(town: Town) -> None:
    town.apply()
    town.mode = "native"
    town.apply()
    assert town.plan() == []
