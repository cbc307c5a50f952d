"""The BPF kinds against the real kernel: converging, one-store changes, and what is left alone."""

from __future__ import annotations

import ctypes
import os
import stat
from pathlib import Path

import pytest

from bpf import libbpf, outline
from bpf.objects import Loading, Object
from bpf.pins import Pins
from state.kernel_bpf import Program, program_digest
from state.policy.compiler import Compiled
from state.policy.verdicts import Entry, Outcome, Policy
from state.problem import HostError
from tests.bpf_loader import intruder
from tests.bpf_loader.conftest import SOURCE, Town
from tests.bpf_loader.test_layout import compile_object

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


@pytest.mark.parametrize("harm", ["ip link del nc-0005", "ip link del nc-overlay", "rm -r {root}/netctl", ""])
def test_destroying_leaves_no_pin_of_what_was_harmed_before(town: Town, harm: str) -> None:
    town.apply()
    if harm:
        town.run(harm.format(root=town.root))
    elif town.bpf.tcx():
        intruder.detach(town.root / "netctl/links/nc-0005-egress")
    town.destroy()
    assert list(town.root.iterdir()) == []
    assert f" {town.root} " not in Path("/proc/self/mountinfo").read_text()


def test_nobody_else_may_look_into_the_file_system_that_netctl_mounts(town: Town) -> None:
    town.apply()
    assert stat.S_IMODE(town.root.stat().st_mode) & 0o777 == 0o700
    (mount,) = [line for line in Path("/proc/self/mountinfo").read_text().splitlines() if f" {town.root} " in line]
    assert "nosuid,nodev,noexec" in mount


def test_a_mount_of_netctl_s_that_others_use_meanwhile_stays(town: Town) -> None:
    town.apply()
    (town.root / "other").mkdir()
    town.destroy()
    assert [path.name for path in town.root.iterdir() if "." not in path.name] == ["other"]
    (town.root / "other").rmdir()
    town.bpf.leave()
    assert f" {town.root} " not in Path("/proc/self/mountinfo").read_text()


def test_whoever_is_killed_replacing_a_pin_leaves_the_old_one(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    """Killed between the two steps: what is pinned beside harms nobody, and goes with the rest."""
    town.apply()
    pins = Pins(str(town.root))

    def killed(*paths: str) -> None:
        raise InterruptedError(*paths)

    with intruder.program("other") as fd, monkeypatch.context() as patched:
        patched.setattr(os, "rename", killed)
        with pytest.raises(InterruptedError):
            pins.put(fd, pins.map("counters"))
    assert (town.root / "netctl/beside").exists()
    assert town.plan() == []
    town.destroy()
    assert list(town.root.iterdir()) == []


def test_a_bpf_file_system_that_was_there_stays(town: Town) -> None:
    town.run(f"mount -t bpf somebody {town.root}")
    town.apply()
    town.destroy()
    assert f" {town.root} " in Path("/proc/self/mountinfo").read_text()
    assert "netctl" not in [path.name for path in town.root.iterdir()]


def test_a_device_with_a_dot_in_its_name_has_its_programs(town: Town) -> None:
    town.run("ip link set eth0 down; ip link set eth0 name eth0.100; ip link set eth0.100 up")
    town.uplink = "eth0.100"
    assert "+ attachment eth0.100 ingress" in town.apply()
    assert town.plan() == []
    town.destroy()
    assert list(town.root.iterdir()) == []


def test_settings_that_an_object_does_not_have_are_named(town: Town) -> None:
    town.apply()
    with pytest.raises(HostError, match="program uplink: its settings do not fit: ipv4_enabled"):
        town.bpf.load_program("uplink", Program(program_digest(town.bpf.objects()["uplink"], {}), {}))


def test_a_program_of_another_version_is_refused_by_name(town: Town) -> None:
    town.apply()
    with pytest.raises(HostError, match="this version of netctl does not carry 0123456789abcdef"):
        town.bpf.load_program("uplink", Program("0123456789abcdef", town.bpf.programs()["uplink"].config))


def test_what_the_verifier_says_is_in_the_problem(town: Town, tmp_path: Path) -> None:
    source = """
    SEC("tc") int entry(struct __sk_buff *skb) { return *(volatile int *)(long)skb->data; }
    char LICENSE[] SEC("license") = "GPL";
    """
    data = compile_object(tmp_path, source)
    with pytest.raises(HostError) as caught:
        Loading(Object("bad", outline.of(data), data), {}, {})
    (problem,) = caught.value.problems
    assert problem.summary.startswith("cannot load the program bad: ")
    assert "(61) r0 = *(u32 *)(r1 +0)" in problem.detail


def test_without_libbpf_there_is_a_sentence(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(name: str, **_: object) -> ctypes.CDLL:
        raise OSError(f"{name}: cannot open shared object file")

    libbpf.library.cache_clear()
    monkeypatch.setattr(ctypes, "CDLL", absent)
    try:
        (sentence,) = town.bpf.missing()
    finally:
        libbpf.library.cache_clear()
    assert sentence.startswith("libbpf.so.1 is missing. Install libbpf (Debian: apt-get install libbpf1).")


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
