"""Drift: what somebody else did to netctl's programs, pins and maps is seen, named, and repaired by one apply."""

from __future__ import annotations

import re
import struct
from collections.abc import Callable
from pathlib import Path

import pytest

from bpf import hooks, maps, objects
from bpf.layout import LAYOUT, MAPS, Peer
from bpf.pins import Pins
from bpf.programs import Programs
from state.host.netlink import inside
from state.host.nftables import LinuxNft
from state.host.questions import same
from state.kinds import KINDS
from state.kinds.packed import octets
from state.plan import scope
from tests.bpf_loader import intruder
from tests.bpf_loader.conftest import Town
from tests.memory import overheard

FIRST = "nc-0005 ingress"
NEEDS_LINKS = pytest.mark.skipif(not hooks.has_tcx(), reason="this kernel has no tcx, so no links (6.6 and newer have)")


def link(town: Town, hook: str = FIRST) -> str:
    """The name of a hook's pin."""
    return hook.replace(" ", "-")


def detached(town: Town) -> None:
    intruder.detach(town.root / "netctl/links" / link(town))


def replaced(town: Town) -> None:
    with intruder.program("intruder") as fd:
        intruder.replace(town.root / "netctl/links" / link(town), fd)


def exchanged(town: Town) -> None:
    overlay = town.bpf.programs()["overlay"].digest
    with intruder.pinned(town.root / "netctl/programs/overlay" / overlay / "from_overlay") as fd:
        intruder.replace(town.root / "netctl/links" / link(town), fd)


def link_unpinned(town: Town) -> None:
    (town.root / "netctl/links" / link(town)).unlink()


def program_unpinned(town: Town) -> None:
    digest = town.bpf.programs()["endpoint"].digest
    (town.root / "netctl/programs/endpoint" / digest / "to_endpoint").unlink()


def map_unpinned(town: Town) -> None:
    (town.root / "netctl" / LAYOUT / "endpoints").unlink()


def map_exchanged(town: Town) -> None:
    with maps.held(maps.create(MAPS["settings"])) as fd:
        intruder.pin(fd, town.root / "netctl" / LAYOUT / "settings")


def map_of_another_shape(town: Town) -> None:
    with maps.held(maps.create(MAPS["devices"], 7)) as fd:
        intruder.pin(fd, town.root / "netctl" / LAYOUT / "devices")


def other_layout(town: Town) -> None:
    (town.root / "netctl/0123456789ab").mkdir()
    with maps.held(maps.create(MAPS["settings"])) as fd:
        intruder.pin(fd, town.root / "netctl/0123456789ab/settings")


def other_rodata(town: Town) -> None:
    """Programs with another configuration, pinned under the digest of the right one."""
    found = town.bpf.programs()["endpoint"]
    folder = town.root / "netctl/programs/endpoint" / found.digest
    pins = Pins(str(town.root))
    item = objects.load("endpoint")
    lied = {**found.config, "ipv6_enabled": 0}
    with Programs(pins)._loading(item, lied) as loading:  # pyright: ignore[reportPrivateUsage]
        for function, fd in loading.programs():
            intruder.pin(fd, folder / function)


def entry_edited(town: Town) -> None:
    raw = bytearray(town.bpf.entries("endpoints")[struct.pack("<I", 5)])
    raw[20] ^= 1
    town.bpf.update("endpoints", {struct.pack("<I", 5): bytes(raw)})


def device_stray(town: Town) -> None:
    town.bpf.update("devices", {struct.pack("<I", 4242): struct.pack("<I", 5)})


def connections_stray(town: Town) -> None:
    town.bpf.create_connection_table(77)


def connections_lost(town: Town) -> None:
    town.bpf.delete_connection_table(5)


def settings_edited(town: Town) -> None:
    town.bpf.update("settings", {bytes(4): b"\x07" + bytes(15)})


def peer_edited(town: Town) -> None:
    intruder.edit(town.root, "addresses", octets("10.42.2.9"), Peer(1, 0, 0, 0, 0, 0).pack())


def peer_added(town: Town) -> None:
    intruder.edit(town.root, "addresses", octets("192.0.2.66"), Peer(1, 0, 0, 0, 0, 0).pack())


def verdict_added(town: Town) -> None:
    intruder.edit(town.root, "verdicts", struct.pack("<IHH", 0, 1, 1), struct.pack("<IB3x", 9, 1))


def folder_removed(town: Town) -> None:
    for path in sorted((town.root / "netctl").rglob("*"), reverse=True):
        if path.is_dir():
            path.rmdir()
        else:
            path.unlink()
    (town.root / "netctl").rmdir()


CASES: list[tuple[Callable[[Town], None], set[str]]] = [
    (map_unpinned, {"+ map endpoints", "+ endpoint 5", "+ endpoint 6"}),
    (map_of_another_shape, {"-/+ map devices"}),
    (other_layout, {"- map settings@0123456789ab"}),
    (entry_edited, {"~ endpoint 5"}),
    (device_stray, {"- endpoint stray/device/4242"}),
    (connections_stray, {"- endpoint stray/connections/77"}),
    (connections_lost, {"~ endpoint 5"}),
    (settings_edited, {"~ setting devices"}),
    (peer_edited, {"~ peer 10.42.2.9"}),
    (peer_added, {"- peer 192.0.2.66"}),
    (verdict_added, {"- policy stray/1/1"}),
]


LINK_CASES: list[tuple[Callable[[Town], None], set[str]]] = [
    (detached, {f"+ attachment {FIRST}"}),
    (replaced, {f"~ attachment {FIRST}"}),
    (exchanged, {f"~ attachment {FIRST}"}),
    (link_unpinned, {f"+ attachment {FIRST}"}),
]


@NEEDS_LINKS
@pytest.mark.parametrize(("drift", "expected"), LINK_CASES, ids=lambda value: getattr(value, "__name__", ""))
def test_drift_of_a_link_is_seen_and_repaired(town: Town, drift: Callable[[Town], None], expected: set[str]) -> None:
    test_drift_is_seen_and_repaired(town, drift, expected)


@pytest.mark.parametrize(("drift", "expected"), CASES, ids=lambda value: getattr(value, "__name__", ""))
def test_drift_is_seen_and_repaired(town: Town, drift: Callable[[Town], None], expected: set[str]) -> None:
    town.apply()
    memory = town.memory()
    drift(town)
    assert not same(memory), "by memory there would be no drift"
    assert expected <= set(town.plan())
    town.apply()
    assert town.plan() == []


@pytest.mark.parametrize("drift", [program_unpinned, map_exchanged, other_rodata, folder_removed])
def test_what_programs_rest_on_is_repaired_with_them(town: Town, drift: Callable[[Town], None]) -> None:
    town.apply()
    memory = town.memory()
    drift(town)
    assert not same(memory), "by memory there would be no drift"
    assert {line for line in town.plan() if "program endpoint" in line}
    town.apply()
    assert town.plan() == []


@pytest.mark.parametrize("place", ["", LAYOUT, "links", "programs/endpoint", "programs/nobody"])
def test_a_folder_of_somebody_else_among_the_pins_is_no_obstacle(town: Town, place: str) -> None:
    town.apply()
    (town.root / "netctl" / place / "somebody").mkdir(parents=True)
    assert [line for line in town.plan() if "somebody" not in line and "nobody" not in line] == []


@NEEDS_LINKS
def test_a_program_of_somebody_else_that_runs_first_is_drift_and_stays(town: Town) -> None:
    town.apply()
    with intruder.program("watcher") as fd:
        index = town.bpf.devices()["eth0"]
        memory = town.memory()
        with inside(town.home), maps.held(hooks.link(fd, index, "ingress")):
            assert not same(memory), "by memory there would be nobody"
            assert town.bpf.attachments()["eth0 ingress"].before == ("watcher",)
            assert town.plan() == ["~ attachment eth0 ingress"]
            town.apply()
            assert town.plan() == []
            assert town.bpf.foreign("eth0", "ingress") == ("watcher",)
            (said,) = [text for text in town.facts().warnings if "watcher" in text]
            assert said.startswith("eth0 ingress has a program that is not netctl's (watcher)")


def test_nothing_of_bpf_is_read_but_by_a_question(town: Town, tmp_path: Path) -> None:
    town.apply()
    (tmp_path / "run").mkdir(mode=0o700)
    town.kernel.nft = LinuxNft(town.home, str(tmp_path / "run"))
    town.plan()  # imports are done, the ruleset is known
    names = rf"'({re.escape(str(tmp_path))}/run|nftables\.json|.*/bpf/\w+\.(outline|bpf\.o))'"
    known = re.compile(rf"open \(({names}|\d+),\)")
    assert [line for line in overheard(town.plan) if not known.fullmatch(line)] == []


def test_what_runtime_maps_hold_is_no_difference(town: Town) -> None:
    town.apply()
    memory = town.memory()
    town.bpf.update("tracing", {bytes(4): struct.pack("<I", 1)})
    assert same(memory)
    assert town.plan() == []
    looked = scope(town.cluster, "alpha")
    assert "tracing" in next(kind for kind in KINDS if kind.name == "map").observe(town.kernel, looked)
