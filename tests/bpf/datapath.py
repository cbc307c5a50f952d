"""The programs in the kernel without a device: BPF_PROG_TEST_RUN on every packet, maps filled by hand.

The kernel gives a test run the loopback device, so its number stands for the device of whichever endpoint is tested.
"""

from __future__ import annotations

import ctypes
import os
import struct
import subprocess
from collections.abc import Generator, Mapping
from contextlib import ExitStack, contextmanager
from ctypes import byref, c_int, c_size_t, c_uint32, c_void_p
from dataclasses import dataclass, replace
from pathlib import Path

from bpf import events, libbpf, maps, objects
from bpf.generation import Generations
from bpf.layout import MAPS, Connection, Endpoint, EndpointFlags, Settings
from bpf.libbpf import call, pointer
from state.kernel_bpf import Event
from tests.bpf import packets, wrapper
from tests.bpf.world import DB_ID, DB_MAC, HOST_MAC, IPV4, IPV6, WEB_ID, WEB_MAC, packed

LOOPBACK = 1
ELSEWHERE = 100
TUNNEL_PORT = 8472
VERDICTS = {0xFFFFFFFF: "pass", 2: "drop", 7: "redirect"}
CONFIG = {"network_mode": 0, "ipv4_enabled": 1, "ipv6_enabled": 1, "ticks_per_second": 250}
SOURCES = Path(__file__).resolve().parents[2] / "bpf"
TABLE = replace(MAPS["connections"].inner, max_entries=1024) if MAPS["connections"].inner else None


class RunOpts(ctypes.Structure):
    """struct bpf_test_run_opts."""

    _fields_ = (
        ("sz", c_size_t),
        ("data_in", c_void_p),
        ("data_out", c_void_p),
        ("data_size_in", c_uint32),
        ("data_size_out", c_uint32),
        ("ctx_in", c_void_p),
        ("ctx_out", c_void_p),
        ("ctx_size_in", c_uint32),
        ("ctx_size_out", c_uint32),
        ("retval", c_uint32),
        ("repeat", c_int),
        ("duration", c_uint32),
        ("flags", c_uint32),
        ("cpu", c_uint32),
        ("batch_size", c_uint32),
    )


@dataclass(frozen=True)
class Outcome:
    """What became of a packet: `counted` is the (reason, direction) that went up."""

    verdict: str
    packet: bytes
    mark: int
    counted: tuple[tuple[str, str], ...]
    events: tuple[Event, ...]


class Datapath:
    """One host's programs and maps."""

    def __init__(self, config: Mapping[str, int], stack: ExitStack) -> None:
        self.maps = {name: maps.create(layout) for name, layout in MAPS.items()}
        for fd in self.maps.values():
            stack.callback(os.close, fd)
        self.programs: dict[str, int] = {}
        for name in objects.OBJECTS:
            loading = stack.enter_context(objects.Loading(objects.load(name), config, self.maps))
            self.programs.update(loading.programs())
        self.ring = Ring(stack, self.maps["listeners"])
        self.tunnel = Tunnel(stack)
        self.begin()

    def begin(self) -> None:
        """Start with nothing known."""
        self.flags, self.audited = 0, frozenset[int]()
        self._behind = -1
        self.reset({})

    def reset(self, tables: Mapping[str, Mapping[bytes, bytes]], tunnel_port: int = TUNNEL_PORT) -> None:
        """Forget all connections and fragments, and decide by `tables`."""
        assert TABLE is not None
        for number in (WEB_ID, DB_ID):
            fd = maps.create(TABLE)
            maps.put_inner(self.maps["connections"], number, fd)
            os.close(fd)
        self.flags, self.audited, self._behind = 0, frozenset[int](), -1
        self._sit_behind(WEB_ID)
        for key in maps.read(self.maps["fragments"]):
            maps.remove(self.maps["fragments"], key)
        maps.write(self.maps["settings"], {_number(0): Settings(LOOPBACK, LOOPBACK, tunnel_port).pack()})
        self.switch(tables)

    def switch(self, tables: Mapping[str, Mapping[bytes, bytes]]) -> None:
        """Make `tables` the active generation."""
        Generations(self.maps).switch(tables)

    def connections(self, number: int) -> dict[bytes, Connection]:
        """The entries of an endpoint's table."""
        with maps.held(self._table(number)) as fd:
            return {key: Connection.unpack(value) for key, value in maps.read(fd).items()}

    def edit_connections(self, number: int, **fields: int) -> None:
        """Overwrite fields of every entry of an endpoint's table."""
        with maps.held(self._table(number)) as fd:
            for key, value in maps.read(fd).items():
                maps.write(fd, {key: Connection.unpack(value)._replace(**fields).pack()})

    def forget_connections(self, number: int, *keys: bytes) -> None:
        """Evict these entries of an endpoint's table, or every one."""
        with maps.held(self._table(number)) as fd:
            for key in keys or maps.read(fd):
                maps.remove(fd, key)

    def _table(self, number: int) -> int:
        found = maps.inner(self.maps["connections"], number)
        assert found is not None
        return maps.by_id(found)

    def run(
        self, point: str, packet: bytes, number: int = WEB_ID, forwarded_from: int = 0, mark: int = 0, vlan: int = 0
    ) -> Outcome:
        """Run a program on a packet, on the device of endpoint `number`."""
        self._sit_behind(number)
        self.ring.drain()
        before = self.counts()
        verdict, out, mark = run(self.programs[point], packet, _context(forwarded_from, mark))
        return self._outcome(verdict, out, mark, before)

    def in_host_namespace(self) -> None:
        """Let the endpoints' devices be in the host's own namespace."""
        behind, self.flags, self._behind = self._behind, 1, -1
        self._sit_behind(behind)

    def audit(self, *numbers: int) -> None:
        """Let these endpoints, and no others, be audited: what differs of each is one word of its own entry."""
        behind, self.audited, self._behind = self._behind, frozenset(numbers), -1
        self._sit_behind(behind)

    def _sit_behind(self, number: int) -> None:
        """Let this endpoint, and no other, be the one behind the loopback device."""
        if number == self._behind:
            return
        self._behind = number
        for key in maps.read(self.maps["devices"]):
            maps.remove(self.maps["devices"], key)
        if number:
            maps.write(self.maps["devices"], {_number(LOOPBACK): _number(number)})
        for other, mac, ipv4, ipv6 in ((WEB_ID, WEB_MAC, IPV4.web, IPV6.web), (DB_ID, DB_MAC, IPV4.db, IPV6.db)):
            device = LOOPBACK if other == number else ELSEWHERE + other
            flags = self.flags | (EndpointFlags.ENDPOINT_AUDITED if other in self.audited else 0)
            value = Endpoint(device, flags, packets.mac(mac), packets.mac(HOST_MAC), packed(ipv4)[12:], packed(ipv6))
            maps.write(self.maps["endpoints"], {_number(other): value.pack()})

    def run_tunnelled(self, packet: bytes, underlay: str, identity: int) -> Outcome:
        """Run from_overlay on a packet that came from `underlay` with `identity` as its VNI."""
        self.ring.drain()
        before = self.counts()
        self.tunnel.aim(self.programs["from_overlay"], underlay, identity)
        verdict, out, mark = run(self.tunnel.program, packet, _context(0, 0))
        return self._outcome(verdict, out, mark, before)

    def _outcome(self, verdict: int, out: bytes, mark: int, before: Mapping[tuple[str, str], int]) -> Outcome:
        after = self.counts()
        counted = tuple(sorted(key for key in after if after[key] != before.get(key, 0)))
        return Outcome(VERDICTS.get(verdict, str(verdict)), out, mark, counted, self.ring.drain())

    def counts(self) -> dict[tuple[str, str], int]:
        """Packets by reason and direction."""
        found = events.counts(maps.read(self.maps["counters"]))
        return {(count.reason, count.direction): count.packets for count in found}


def run(program: int, packet: bytes, context: bytes = b"", repeat: int = 1) -> tuple[int, bytes, int]:
    """BPF_PROG_TEST_RUN: the verdict, the packet and the mark."""
    data = ctypes.create_string_buffer(packet, len(packet))
    out = ctypes.create_string_buffer(len(packet) + 256)
    given, taken = ctypes.create_string_buffer(context, 192), ctypes.create_string_buffer(192)
    opts = RunOpts(
        sz=ctypes.sizeof(RunOpts),
        data_in=ctypes.addressof(data),
        data_out=ctypes.addressof(out),
        data_size_in=len(packet),
        data_size_out=len(out),
        ctx_in=ctypes.addressof(given),
        ctx_out=ctypes.addressof(taken),
        ctx_size_in=len(given),
        ctx_size_out=len(taken),
        repeat=repeat,
    )
    library = libbpf.library()
    library.bpf_prog_test_run_opts.argtypes = (c_int, c_void_p)
    call("run a program", "bpf_prog_test_run_opts", program, byref(opts))
    mark: int = struct.unpack_from("<I", taken.raw, 8)[0]
    return opts.retval, out.raw[: opts.data_size_out], mark


@contextmanager
def datapath(**config: int) -> Generator[Datapath]:
    """The programs, loaded with this configuration."""
    with ExitStack() as stack:
        yield Datapath({**CONFIG, **config}, stack)


def build(also: tuple[str, ...] = ("tunnel",)) -> None:
    """Compile the objects, and wrappers beside this file."""
    here = str(Path(__file__).parent)
    subprocess.run(["make", "-s", "-C", str(SOURCES)], check=True)
    for name in also:
        subprocess.run(["make", "-s", "-C", here, "-f", str(SOURCES / "Makefile"), f"{name}.bpf.o"], check=True)


class Ring:
    """A listener that reads what is there and does not wait."""

    def __init__(self, stack: ExitStack, listeners: int) -> None:
        inner = MAPS["listeners"].inner
        assert inner is not None
        ring = maps.create(replace(inner, max_entries=1 << 18))
        stack.callback(os.close, ring)
        maps.put_inner(listeners, 0, ring)
        self._taken: list[bytes] = []
        self._callback = libbpf.RING_CALLBACK(self._take)
        self._handle = pointer("listen", "ring_buffer__new", ring, self._callback, None, None)
        stack.callback(libbpf.library().ring_buffer__free, self._handle)

    def _take(self, _context: int, data: int, size: int) -> int:
        self._taken.append(ctypes.string_at(data, size))
        return 0

    def drain(self) -> tuple[Event, ...]:
        # Not poll: a kernel without an interrupt to itself wakes who waits at its next tick, which may be too late.
        consume = libbpf.library().ring_buffer__consume
        consume.argtypes = (c_void_p,)
        consume(self._handle)
        found = tuple(events.decode(data) for data in self._taken)
        self._taken.clear()
        return found


class Tunnel:
    """The program that gives a packet its tunnel key and calls the one under test."""

    def __init__(self, stack: ExitStack) -> None:
        loaded = wrapper.load(Path(__file__).with_name("tunnel.bpf.o"), stack)
        (self.program,) = loaded.programs.values()
        self._maps = loaded.maps

    def aim(self, program: int, underlay: str, identity: int) -> None:
        """Call `program` from now on. The kernel hands out as remote what is set as local."""
        address = packed(underlay)
        ipv4 = address[10:12] == b"\xff\xff"
        local = struct.pack("<I", int.from_bytes(address[12:], "big")) + bytes(12) if ipv4 else address
        key = struct.pack("<I16sBBHI16s", identity, bytes(16), 0, 64, 0, 0, local)
        maps.write(self._maps["outer"], {_number(0): key + struct.pack("<I", 0 if ipv4 else 1)})
        maps.write(self._maps["tested"], {_number(0): struct.pack("<I", program)})


def _number(value: int) -> bytes:
    return struct.pack("<I", value)


def _context(forwarded_from: int, mark: int) -> bytes:
    """struct __sk_buff: what a test run lets one set."""
    context = bytearray(192)
    struct.pack_into("<I", context, 8, mark)
    struct.pack_into("<I", context, 36, forwarded_from)
    return bytes(context)
