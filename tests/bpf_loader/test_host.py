"""The BPF kinds against the real kernel: converging, one-store changes, and what is left alone."""

from __future__ import annotations

from pathlib import Path

from state.policy.compiler import Compiled
from state.policy.verdicts import Entry, Outcome, Policy
from tests.bpf_loader.conftest import SOURCE, Town

WORLD = {"0.0.0.0/0": False, "::/0": False, "10.42.0.0/16": True, "fd42::/48": True}


def policy(*ports: int) -> Policy:
    """TCP ports that web9 may use."""
    return Policy(False, tuple(Entry("65845", "TCP", port, port, Outcome.ALLOW, port) for port in ports))


def isolating(*ports: int) -> Compiled:
    """The policy of web5 alone."""
    return Compiled({("ingress", 65841): policy(*ports)}, WORLD, {("ingress", 65841): SOURCE})


def test_applying_twice_is_applying_once(town: Town) -> None:
    first = town.apply()
    assert "+ program endpoint" in first
    assert "+ attachment nc-0005 ingress" in first
    assert town.plan() == []


def test_one_changed_policy_leaves_everything_else_as_it_is(town: Town, compiled: dict[str, Compiled]) -> None:
    compiled["alpha"] = isolating(80)
    town.apply()
    before, epoch = town.ids(), town.bpf.generation().epoch
    compiled["alpha"] = isolating(80, 443)
    assert town.apply() == ["~ policy ingress/65841"]
    after = town.ids()
    changed = {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)}
    assert changed
    assert changed <= {"policies", "pages", "verdicts"}
    assert town.bpf.generation().epoch == epoch + 1
    assert town.plan() == []


def test_destroying_leaves_no_pin_no_mount_and_no_program(town: Town) -> None:
    town.apply()
    assert (town.root / "netctl").is_dir()
    town.destroy()
    assert list(town.root.iterdir()) == []
    assert str(town.root) not in Path("/proc/self/mountinfo").read_text()
    assert town.bpf.foreign("eth0", "ingress") == ()
    assert town.run("tc qdisc show dev eth0 clsact") == ""


def test_a_host_in_native_mode_has_no_overlay(town: Town) -> None:
    town.mode = "native"
    town.apply()
    assert sorted(town.bpf.programs()) == ["endpoint", "uplink"]
    assert town.plan() == []


def test_changing_the_mode_replaces_programs_in_place(town: Town) -> None:
    town.apply()
    links = {name: number for name, number in town.ids().items() if "/links/" in name and "nc-0005" in name}
    town.mode = "native"
    town.apply()
    assert town.plan() == []
    assert {name: number for name, number in town.ids().items() if name in links} == links


def test_an_endpoint_that_goes_takes_its_entries_and_its_connections_with_it(town: Town) -> None:
    town.apply()
    assert town.bpf.connection_tables() == {5, 6}
    town.endpoints = 1
    town.apply()
    assert town.bpf.connection_tables() == {5}
    assert len(town.bpf.entries("devices")) == 1
    assert town.plan() == []
