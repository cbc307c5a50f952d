"""Events and counters: a listener of its own per process, at no cost when there is none, cleared when one dies."""

from __future__ import annotations

import os
import signal
import struct

import pytest

from bpf import events, layout, maps
from bpf.layout import LAYOUT, MAPS
from state.problem import HostError
from tests.bpf_loader import intruder
from tests.bpf_loader.conftest import Town

RAW = layout.Event(
    time=7, source=layout.Address(bytes(10) + b"\xff\xff\x0a\x2a\x01\x05"),
    destination=layout.Address(bytes.fromhex("fd42") + bytes(13) + b"\x01"),
    source_identity=65841, destination_identity=2, rule=9, epoch=3, length=60, source_port=40000, destination_port=443,
    endpoint=5, policy=1, protocol=6, type=1, direction=1, reason=17, point=1,
)  # fmt: skip


def listening(town: Town) -> list[int]:
    """The slots in which somebody listens."""
    return sorted(int.from_bytes(key, "little") for key in town.bpf.entries("listeners"))


def test_bytes_become_an_event_in_words() -> None:
    event = events.decode(RAW.pack())
    assert (event.type, event.direction, event.reason) == ("drop", "ingress", "denied by default")
    assert (event.source, event.destination) == ("10.42.1.5", "fd42::1")
    assert (event.point, event.destination_port, event.rule, event.epoch) == ("from endpoint", 443, 9, 3)


def test_a_reason_that_this_netctl_does_not_know_is_its_number() -> None:
    assert events.name(layout.Reason, 63) == "63"


def test_counters_are_summed_over_cpus() -> None:
    each = layout.Counter(2, 100).pack() + layout.Counter(1, 50).pack()
    (count,) = events.counts({struct.pack("<I", 17 * 2 + 1): each})
    assert (count.reason, count.direction, count.packets, count.bytes) == ("denied by default", "ingress", 3, 150)


def test_where_nothing_is_applied_nobody_listens(town: Town) -> None:
    with pytest.raises(HostError, match="nothing of netctl is applied on this host") as refused:
        next(town.bpf.listen())
    assert "netctl apply" in refused.value.problems[0].detail


def test_listening_takes_a_slot_and_gives_it_back(town: Town) -> None:
    town.apply()
    assert listening(town) == []
    first, second = town.bpf.listen(), town.bpf.listen()
    next(first)
    next(second)
    assert listening(town) == [0, 1]
    first.close()  # type: ignore[attr-defined]
    assert listening(town) == [1]
    second.close()  # type: ignore[attr-defined]
    assert listening(town) == []
    assert town.plan() == []


def test_every_packet_is_told_of_until_the_last_listener_goes(town: Town) -> None:
    town.apply()
    first, second = town.bpf.listen(), town.bpf.listen()
    next(first)
    next(second)
    town.bpf.trace()
    first.close()  # type: ignore[attr-defined]
    assert town.bpf.entries("tracing"), "the second may have asked for it, too"
    second.close()  # type: ignore[attr-defined]
    assert not town.bpf.entries("tracing")


def test_a_fifth_listener_is_refused_in_words(town: Town) -> None:
    town.apply()
    four = [town.bpf.listen() for _ in range(MAPS["listeners"].max_entries)]
    for one in four:
        next(one)
    with pytest.raises(HostError, match="4 others are listening already"):
        next(town.bpf.listen())
    for one in four:
        one.close()  # type: ignore[attr-defined]


def test_the_slot_of_a_dead_listener_is_free_again(town: Town) -> None:
    town.apply()
    ring_layout, pin = MAPS["listeners"].inner or MAPS["listeners"], town.root / "netctl" / LAYOUT / "listeners"
    with maps.held(maps.create(ring_layout)) as ring, intruder.pinned(pin) as outer:
        for slot in range(4):
            maps.put_inner(outer, slot, ring)
    assert listening(town) == [0, 1, 2, 3]
    alive = town.bpf.listen()
    next(alive)
    assert listening(town) == [0]
    alive.close()  # type: ignore[attr-defined]


def test_a_killed_listener_lets_go(town: Town) -> None:
    town.apply()
    ready, told = os.pipe()
    child = os.fork()
    if child == 0:
        signal.alarm(20)
        heard = town.bpf.listen()
        next(heard)
        os.write(told, b"x")
        signal.pause()
    try:
        assert os.read(ready, 1) == b"x"
        assert listening(town) == [0]
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    again = town.bpf.listen()
    next(again)
    assert listening(town) == [0]
    again.close()  # type: ignore[attr-defined]


def test_a_drop_is_told_with_both_ends_and_counted(town: Town) -> None:
    town.apply()
    heard = town.bpf.listen()
    next(heard)
    netns = f"{town.prefix}-5"
    town.run(f"ip netns exec {netns} bash -c 'echo x > /dev/udp/10.42.99.99/53' || true")
    found = [event for _ in range(10) for event in next(heard) if event.destination == "10.42.99.99"]
    heard.close()  # type: ignore[attr-defined]
    assert {(event.type, event.reason, event.source, event.endpoint) for event in found} == {
        ("drop", "no such endpoint", "10.42.1.5", 5)
    }
    assert [count.packets for count in town.bpf.counters() if count.reason == "no such endpoint"] == [len(found)]
    assert {fill.name for fill in town.bpf.fill()} >= {"devices", "connections 5", "addresses", "verdicts"}
