"""What a packet costs: `python -m tests.bpf.measure [RUNS]`, nanoseconds of thread CPU time, medians.

The loop of BPF_PROG_TEST_RUN is included, and the wrapper that restores the packet's header before every run.
"""

from __future__ import annotations

import os
import statistics
import struct
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack
from dataclasses import replace
from pathlib import Path

from bpf import maps
from bpf.layout import MAPS
from tests.bpf import datapath, world, wrapper
from tests.bpf.datapath import Datapath
from tests.bpf.packets import ACK, ICMP, SYN, TCP, Ip, icmp, mac, tcp
from tests.bpf.world import DB_ID, DB_MAC, HOST_MAC, IPV4, IPV6, WEB, WEB_ID, WEB_MAC, Family, Rules

REPEAT = 400_000
RUNS = 7
ROUNDS = 5
REDIRECTED = 7
FLOWS = 65536
HIT = (("passed established", "egress"),)
NEW = (("passed new", "egress"),)
OPEN = Rules(db_ingress=((0, TCP, 0, 65535, True, 1),))


class Meter:
    """The wrapper, loaded."""

    def __init__(self, stack: ExitStack) -> None:
        loaded = wrapper.load(Path(__file__).with_name("measure.bpf.o"), stack)
        self.programs, self.maps = loaded.programs, loaded.maps

    def median(self, program: int, packet: bytes, flows: int = 1, name: str = "restored", runs: int = RUNS) -> float:
        """Nanoseconds per run."""
        ports = 34 if packet[12:14] == b"\x08\x00" else 54
        header = packet[:64].ljust(64, b"\0")
        maps.write(self.maps["flows"], {bytes(4): header + struct.pack("<IIII", 64, ports, flows - 1, 1)})
        if name == "restored":
            maps.write(self.maps["tested"], {bytes(4): struct.pack("<I", program)})
        times: list[float] = []
        for _ in range(runs + 1):
            before = time.thread_time_ns()
            verdict, _, _ = datapath.run(self.programs[name], packet, repeat=REPEAT)
            times.append((time.thread_time_ns() - before) / REPEAT)
            assert verdict == (REDIRECTED if name == "restored" else 0), f"a program that fails looks fast: {verdict}"
        return statistics.median(times[1:])


def _fresh(dp: Datapath, tables: Mapping[str, Mapping[bytes, bytes]], entries: int) -> None:
    dp.reset(tables)
    inner = MAPS["connections"].inner
    assert inner is not None
    for number in (WEB_ID, DB_ID):
        with maps.held(maps.create(replace(inner, max_entries=entries))) as fd:
            maps.put_inner(dp.maps["connections"], number, fd)


def _forward(family: Family, flags: int = ACK, port: int = 1000) -> bytes:
    return Ip(family.web, family.db, TCP, tcp(port, 80, flags), source_mac=WEB_MAC).frame()


def _backward(family: Family) -> bytes:
    return Ip(family.db, family.web, TCP, tcp(80, 1000, ACK), source_mac=DB_MAC).frame()


def _prove(dp: Datapath, family: Family) -> None:
    """That the connection is found, the source checked, the epoch compared, the packet delivered: nothing is free."""
    hit = dp.run("from_endpoint", _forward(family))
    assert (hit.verdict, hit.counted, hit.packet[:12]) == ("redirect", HIT, mac(DB_MAC) + mac(HOST_MAC))
    forged = Ip(family.other, family.db, TCP, tcp(1000, 80, ACK), source_mac=WEB_MAC).frame()
    assert dp.run("from_endpoint", forged).counted == (("forged address", "egress"),)
    dp.switch(world.tables(Rules(db_ingress=((0, TCP, 0, 65535, True, 2),))))
    assert dp.run("from_endpoint", _forward(family)).counted == (("passed again", "egress"),)
    assert dp.run("from_endpoint", _forward(family)).counted == HIT


def _established(meter: Meter, dp: Datapath, family: Family, runs: int) -> Iterator[tuple[str, float]]:
    """An established connection: next door, its replies, over many flows, into the tunnel."""
    program, forward, backward = dp.programs["from_endpoint"], _forward(family), _backward(family)
    _fresh(dp, world.tables(OPEN), 131072)
    dp.run("from_endpoint", _forward(family, SYN))
    _prove(dp, family)
    yield f"{family} same host, established", meter.median(program, forward, runs=runs)
    assert dp.run("from_endpoint", backward, DB_ID).counted == HIT
    yield f"{family} same host, reply", meter.median(program, backward, runs=runs)
    dp.run("from_endpoint", forward)
    meter.median(program, forward, FLOWS, runs=1)
    yield f"{family} same host, {FLOWS} flows", meter.median(program, forward, FLOWS, runs=runs)
    _fresh(dp, world.tables(OPEN), 1024)
    meter.median(program, forward, FLOWS, runs=1)
    assert dp.run("from_endpoint", _forward(family, port=7)).counted == NEW
    yield f"{family} same host, new connection", meter.median(program, forward, FLOWS, runs=runs)
    far = Ip(family.web, family.far, TCP, tcp(1000, 80, ACK), source_mac=WEB_MAC).frame()
    dp.run("from_endpoint", far)
    assert dp.run("from_endpoint", far).counted == HIT
    yield f"{family} into the tunnel, established", meter.median(program, far, runs=runs)


def _decisions(meter: Meter, dp: Datapath, runs: int) -> Iterator[tuple[str, float]]:
    """A message without a connection is decided about each time; the difference to no policy is the decision's."""
    asked = Ip(IPV4.web, IPV4.db, ICMP, icmp(13, payload=bytes(40)), source_mac=WEB_MAC).frame()
    program = dp.programs["from_endpoint"]
    policies = {0: world.tables(Rules())}
    for rules in (8, 1000, 16000):
        others = [(70000 + at, ICMP, 13, 13, True, at) for at in range(rules - 1)]
        policies[rules] = world.tables(Rules(db_ingress=(*others, (WEB, ICMP, 13, 13, True, 1))))
    taken: dict[int, list[float]] = {rules: [] for rules in policies}
    for _ in range(ROUNDS):  # in turns: what else the machine does befalls all of them
        for rules, policy in policies.items():
            _fresh(dp, policy, 1024)
            assert dp.run("from_endpoint", asked).counted == NEW
            taken[rules].append(meter.median(program, asked, runs=runs))
    base = statistics.median(taken.pop(0))
    yield "slow path without a policy", base
    for rules, times in taken.items():
        yield f"decision by {rules} rules", statistics.median(times) - base


def _lookup(meter: Meter, runs: int) -> Iterator[tuple[str, float]]:
    """One hash lookup in a table of 16,384 entries, without what makes the key."""
    maps.write(meter.maps["peers"], {struct.pack("<Q", number): bytes(8) for number in range(16384)})
    packet = _forward(IPV4)
    without = meter.median(0, packet, name="no_lookup", runs=runs)
    yield "one hash lookup", meter.median(0, packet, name="lookup", runs=runs) - without


def rows(
    runs: int, opened: Callable[[], AbstractContextManager[Datapath]] = datapath.datapath
) -> Iterator[tuple[str, float]]:
    """What was measured, in words, and how many nanoseconds it took. `opened` gives the programs."""
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    datapath.build(also=("measure", "tunnel"))
    with ExitStack() as stack:
        meter = Meter(stack)
        dp = stack.enter_context(opened())
        maps.remove(dp.maps["listeners"], bytes(4))
        yield "loop and empty program", meter.median(0, _forward(IPV4), name="nothing", runs=runs)
        yield "loop and wrapper alone", meter.median(0, _forward(IPV4), name="empty", runs=runs)
        yield from _lookup(meter, runs)
        for family in (IPV4, IPV6):
            yield from _established(meter, dp, family, runs)
        yield from _decisions(meter, dp, runs)


if __name__ == "__main__":
    for text, nanoseconds in rows(int(sys.argv[1]) if len(sys.argv) > 1 else RUNS):
        print(f"{nanoseconds:8.1f} ns  {text}", flush=True)
