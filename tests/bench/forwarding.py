"""Endpoint to endpoint on one host, with real packets, against the kernel's plain routing between two veth pairs.

Both are fed the same way: BPF_PROG_TEST_RUN lets frames arrive on the host's end of the sender's device, and they end
in a program at the receiver's own end. What is measured is the CPU time of the thread that all of it runs in.
"""

from __future__ import annotations

import ctypes
import os
import secrets
import socket
import statistics
import struct
import subprocess
import time
from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from ctypes import byref
from dataclasses import dataclass
from pathlib import Path

from bpf import events, maps
from bpf.layout import LAYOUT
from bpf.libbpf import call
from bpf.pins import Pins
from inventory.lab import record
from schemas.loader import load_cluster
from state import naming
from state.cluster import Endpoint
from tests.bpf import datapath, wrapper
from tests.bpf.datapath import RunOpts
from tests.bpf.packets import UDP, Ip, udp

HERE = Path(__file__).parent
SENDER, RECEIVER, HOST = "ops/probe", "shop/cache-1", "gamma"
FRAMES = 200_000
PAYLOAD = bytes(22)
_LIVE_FRAMES, _BATCH = 2, 64
_TCX_INGRESS = 46
_LIBC = ctypes.CDLL(None, use_errno=True)


@dataclass(frozen=True)
class Way:
    """A way through a host: where packets arrive, where they end, and one of them."""

    network: str
    device: str
    receiver: str
    inner: str
    packet: bytes


class Programs:
    """The source and the end, loaded."""

    def __init__(self, stack: ExitStack) -> None:
        loaded = wrapper.load(HERE / "forwarding.bpf.o", stack)
        self.fds = {**loaded.programs, **loaded.maps}

    def arrived(self) -> int:
        """How many packets have come to the end."""
        return int.from_bytes(maps.lookup(self.fds["arrived"], bytes(4), 8) or b"", "little")

    @contextmanager
    def laid(self, way: Way) -> Generator[int]:
        """The end in its place; the index of the device that packets arrive on."""
        with inside(way.receiver):
            index = socket.if_nametoindex(way.inner)
            link = call("attach the end", "bpf_link_create", self.fds["sink"], index, _TCX_INGRESS, None)
        try:
            maps.write(self.fds["header"], {bytes(4): way.packet[:64].ljust(64, b"\0")})
            with inside(way.network):
                yield socket.if_nametoindex(way.device)
        finally:
            os.close(link)

    def send(self, index: int, packet: bytes, count: int = FRAMES) -> float:
        """Nanoseconds of CPU time for each packet; every one of them must come to the end."""
        data = ctypes.create_string_buffer(packet, len(packet))
        context = ctypes.create_string_buffer(struct.pack("<IIIIII", 0, len(packet), 0, index, 0, 0), 24)
        opts = RunOpts(
            sz=ctypes.sizeof(RunOpts),
            data_in=ctypes.addressof(data),
            data_size_in=len(packet),
            ctx_in=ctypes.addressof(context),
            ctx_size_in=24,
            repeat=count,
            flags=_LIVE_FRAMES,
            batch_size=_BATCH,
        )
        before, started = self.arrived(), time.thread_time_ns()
        call("send", "bpf_prog_test_run_opts", self.fds["inject"], byref(opts))
        taken = (time.thread_time_ns() - started) / count
        came = self.arrived() - before
        assert came >= count * 0.999, f"{came} of {count} packets came to the end"
        return taken


def measure(folder: Path, runs: int) -> tuple[float, float]:
    """Nanoseconds for each packet: from endpoint to endpoint by netctl, and by plain routing. In turns; medians."""
    subprocess.run(
        ["make", "-s", "-C", str(HERE), "-f", str(datapath.SOURCES / "Makefile"), "forwarding.bpf.o"], check=True
    )
    with ExitStack() as stack:
        programs = Programs(stack)
        ways = [_netctl(folder), stack.enter_context(_plain())]
        taken: list[list[float]] = [[], []]
        passed = _established(folder)
        for number in range(runs + 1):
            for way, times in zip(ways, taken, strict=True):
                with programs.laid(way) as index:
                    nanoseconds = programs.send(index, way.packet)
                if number:
                    times.append(nanoseconds)
        assert _established(folder) - passed >= FRAMES * runs, "netctl's packets belong to an established connection"
        return statistics.median(taken[0]), statistics.median(taken[1])


def _netctl(folder: Path) -> Way:
    cluster = load_cluster(folder, require_host_keys=False)[0]
    sender, receiver = cluster.endpoints[SENDER], cluster.endpoints[RECEIVER]
    root = f"/proc/{record.find(folder).init(HOST)}"
    packet = Ip(
        _ipv4(sender), _ipv4(receiver), UDP, udp(1000, 6379, PAYLOAD), naming.mac(sender), naming.HOST_MAC
    ).frame()
    place = f"{root}/root/run/netns/{receiver.netns}"
    return Way(f"{root}/ns/net", naming.device(sender), place, naming.ENDPOINT_DEVICE, packet)


def _ipv4(endpoint: Endpoint) -> str:
    assert endpoint.ipv4 is not None
    return str(endpoint.ipv4)


def _established(folder: Path) -> int:
    """How many packets of established connections the host has counted."""
    pins = Pins(f"/proc/{record.find(folder).init(HOST)}/root/sys/fs/bpf")
    counters = pins.get(pins.map("counters", LAYOUT))
    assert counters is not None
    with maps.held(counters) as fd:
        counts = events.counts(maps.read(fd))
    return sum(item.packets for item in counts if (item.reason, item.direction) == ("passed established", "egress"))


@contextmanager
def _plain() -> Generator[Way]:
    """A router with two veth pairs, and nothing else in the way."""
    name = f"ncbench{secrets.token_hex(2)}"
    p, r, s = (f"{name}{end}" for end in "prs")
    script = f"""
ip netns add {p}; ip netns add {r}; ip netns add {s}
ip -n {r} link add r0 type veth peer name p0 netns {p}
ip -n {r} link add r1 type veth peer name s1 netns {s}
ip -n {p} link set p0 up; ip -n {r} link set r0 up; ip -n {r} link set r1 up; ip -n {s} link set s1 up
ip -n {r} addr add 10.1.255.254/16 dev r0; ip -n {r} addr add 10.2.255.254/16 dev r1
ip -n {s} addr add 10.2.0.2/16 dev s1
ip netns exec {r} sysctl -qw net.ipv4.ip_forward=1 net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.r0.rp_filter=0
ip -n {r} neigh replace 10.2.0.2 lladdr $(ip netns exec {s} cat /sys/class/net/s1/address) dev r1 nud permanent
ip netns exec {r} cat /sys/class/net/r0/address
"""
    try:
        done = subprocess.run(["sh", "-ec", script], check=True, capture_output=True, text=True)
        packet = Ip("10.1.0.1", "10.2.0.2", UDP, udp(1000, 6379, PAYLOAD), destination_mac=done.stdout.strip()).frame()
        yield Way(f"/run/netns/{r}", "r0", f"/run/netns/{s}", "s1", packet)
    finally:
        for one in (p, r, s):
            subprocess.run(["ip", "netns", "del", one], check=False, stderr=subprocess.DEVNULL)


@contextmanager
def inside(network: str) -> Generator[None]:
    """This thread in a network namespace, by its file."""
    home, there = (os.open(path, os.O_RDONLY | os.O_CLOEXEC) for path in ("/proc/thread-self/ns/net", network))
    try:
        if _LIBC.setns(there, 0x40000000):
            raise OSError(ctypes.get_errno(), f"cannot enter {network}")
        try:
            yield
        finally:
            if _LIBC.setns(home, 0x40000000):
                os._exit(70)
    finally:
        os.close(home)
        os.close(there)
