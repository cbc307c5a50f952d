"""What a packet costs: `python -m tests.bpf.measure [RUNS]`, nanoseconds of thread CPU time, medians.

The loop of BPF_PROG_TEST_RUN is included, and the wrapper that restores the packet's header before every run.
"""

from __future__ import annotations

import ctypes
import os
import statistics
import struct
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from ctypes import byref
from dataclasses import replace
from pathlib import Path

from bpf import libbpf, maps
from bpf.layout import MAPS
from bpf.libbpf import call, pointer
from tests.bpf import datapath, world
from tests.bpf.datapath import Datapath
from tests.bpf.packets import ACK, SYN, TCP, UDP, Ip, tcp, udp
from tests.bpf.world import DB_ID, DB_MAC, FAR, IPV4, IPV6, WEB_ID, WEB_MAC, Family, Rules

REPEAT = 400_000
RUNS = 7


class Meter:
    """The wrapper, loaded."""

    def __init__(self, stack: ExitStack) -> None:
        data = Path(__file__).with_name("measure.bpf.o").read_bytes()
        library = libbpf.library()
        opts = libbpf.OpenOpts(sz=ctypes.sizeof(libbpf.OpenOpts), object_name=b"measure")
        handle = pointer("open", "bpf_object__open_mem", data, len(data), byref(opts))
        stack.callback(library.bpf_object__close, handle)
        call("load", "bpf_object__load", handle)
        self.programs: dict[str, int] = {}
        at = library.bpf_object__next_program(handle, None)
        while at:
            self.programs[library.bpf_program__name(at).decode()] = library.bpf_program__fd(at)
            at = library.bpf_object__next_program(handle, at)
        self.maps: dict[str, int] = {}
        at = library.bpf_object__next_map(handle, None)
        while at:
            self.maps[library.bpf_map__name(at).decode()] = library.bpf_map__fd(at)
            at = library.bpf_object__next_map(handle, at)

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
            datapath.run(self.programs[name], packet, repeat=REPEAT)
            times.append((time.thread_time_ns() - before) / REPEAT)
        return statistics.median(times[1:])


def _fresh(dp: Datapath, rules: Rules, entries: int) -> None:
    dp.reset(world.tables(rules))
    inner = MAPS["connections"].inner
    assert inner is not None
    for number in (WEB_ID, DB_ID):
        with maps.held(maps.create(replace(inner, max_entries=entries))) as fd:
            maps.put_inner(dp.maps["connections"], number, fd)


def _forward(family: Family, flags: int = ACK) -> bytes:
    return Ip(family.web, family.db, TCP, tcp(1000, 80, flags), source_mac=WEB_MAC).frame()


def _backward(family: Family) -> bytes:
    return Ip(family.db, family.web, TCP, tcp(80, 1000, ACK), source_mac=DB_MAC).frame()


def main(runs: int) -> None:
    """Print every row."""
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    datapath.build(also=("measure", "tunnel"))

    def say(text: str, measured: Callable[[], float]) -> None:
        print(f"{measured():8.1f} ns  {text}", flush=True)

    with ExitStack() as stack:
        meter = Meter(stack)
        dp = stack.enter_context(datapath.datapath())
        program = dp.programs["from_endpoint"]
        open_rules = Rules(db_ingress=((0, TCP, 0, 65535, True, 1),))
        say("loop and empty program", lambda: meter.median(0, _forward(IPV4), name="nothing", runs=runs))
        say("loop and wrapper alone", lambda: meter.median(0, _forward(IPV4), name="empty", runs=runs))
        for family in (IPV4, IPV6):
            _fresh(dp, open_rules, 131072)
            dp.run("from_endpoint", _forward(family, SYN))
            assert dp.run("from_endpoint", _forward(family)).counted == (("passed established", "egress"),)
            say(f"{family} same host, established", lambda: meter.median(program, _forward(family), runs=runs))
            assert dp.run("from_endpoint", _backward(family), DB_ID).counted == (("passed established", "egress"),)
            say(f"{family} same host, reply", lambda: meter.median(program, _backward(family), runs=runs))
            dp.run("from_endpoint", _forward(family))
            meter.median(program, _forward(family), flows=65536, runs=1)
            say(f"{family} same host, 64k flows", lambda: meter.median(program, _forward(family), 65536, runs=runs))
            far = Ip(family.web, family.far, TCP, tcp(1000, 80, ACK), source_mac=WEB_MAC).frame()
            dp.run("from_endpoint", far)
            say(f"{family} into the tunnel", lambda: meter.median(program, far, runs=runs))


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else RUNS)
