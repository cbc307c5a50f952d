"""HOST: what the programs tell: events through a listener's own ring buffer, and counters.

A listener owns a slot of `listeners` by holding an abstract Unix socket with the slot's name: the kernel lets go of it
when the process ends, however it ends, and whoever listens next clears what the dead left behind.
"""

from __future__ import annotations

import ctypes
import enum
import socket
import struct
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import replace
from ipaddress import IPv6Address

from bpf import layout, libbpf, maps
from bpf.layout import MAPS
from bpf.libbpf import pointer
from bpf.maps import held
from state.host.netlink import inside
from state.kernel_bpf import Count, Event, Table
from state.problem import HostError

LISTENERS = "listeners"
RING_BYTES = 1 << 20
POLL_MS = 200
_INTERRUPTED = -4


def listen(listeners: int, netns: str = "") -> Iterator[tuple[Event, ...]]:
    """Batches of events from now on; an empty one now and then. `listeners` is the map's file descriptor.

    Who is alive is known per host, that is per network namespace: `netns`, by default the caller's.
    """
    inner = MAPS[LISTENERS].inner
    assert inner is not None
    with _slot(listeners, netns) as slot, held(maps.create(replace(inner, max_entries=RING_BYTES))) as ring:
        maps.put_inner(listeners, slot, ring)
        try:
            yield from _drain(ring)
        finally:
            maps.remove(listeners, struct.pack("<I", slot))


def _drain(ring: int) -> Iterator[tuple[Event, ...]]:
    taken: list[bytes] = []

    def take(_context: int, data: int, size: int) -> int:
        taken.append(ctypes.string_at(data, size))
        return 0

    callback = libbpf.RING_CALLBACK(take)
    library = libbpf.library()
    handle = pointer("listen for events", "ring_buffer__new", ring, callback, None, None)
    try:
        while True:
            count = library.ring_buffer__poll(handle, POLL_MS)
            if count < 0 and count != _INTERRUPTED:
                raise libbpf.BpfError(-count, "listen for events")
            batch = tuple(decode(data) for data in taken)
            taken.clear()
            yield batch
    finally:
        library.ring_buffer__free(handle)


@contextmanager
def _slot(listeners: int, netns: str) -> Generator[int, None, None]:
    """A slot that nobody alive listens in. The slots of the dead are cleared on the way."""
    mine: list[tuple[int, socket.socket]] = []
    for slot in range(MAPS[LISTENERS].max_entries):
        with inside(netns):
            claim = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        try:
            claim.bind(f"\0netctl-listener-{slot}")
        except OSError:
            claim.close()
            continue
        if maps.inner(listeners, slot) is not None:
            maps.remove(listeners, struct.pack("<I", slot))
        if mine:
            claim.close()
        else:
            mine.append((slot, claim))
    if not mine:
        raise HostError.of(
            f"{MAPS[LISTENERS].max_entries} others are listening already", "Close one of the monitors of this host."
        )
    slot, claim = mine[0]
    try:
        yield slot
    finally:
        claim.close()


def decode(data: bytes) -> Event:
    """The event that these bytes stand for."""
    raw = layout.Event.unpack(data)
    return Event(
        time=raw.time,
        type=name(layout.EventType, raw.type, "EVENT_"),
        direction=name(layout.Direction, raw.direction, "DIRECTION_"),
        point=name(layout.Point, raw.point, "POINT_"),
        reason=name(layout.Reason, raw.reason),
        source_identity=raw.source_identity,
        destination_identity=raw.destination_identity,
        source=address(raw.source.octets),
        destination=address(raw.destination.octets),
        protocol=raw.protocol,
        source_port=raw.source_port,
        destination_port=raw.destination_port,
        endpoint=raw.endpoint,
        policy=raw.policy,
        epoch=raw.epoch,
        rule=raw.rule,
        length=raw.length,
    )


def counts(entries: Table) -> tuple[Count, ...]:
    """The counters, summed over CPUs, by reason and direction."""
    found: list[Count] = []
    for key, values in sorted(entries.items(), key=lambda item: struct.unpack("<I", item[0])):
        reason, direction = divmod(struct.unpack("<I", key)[0], layout.Direction.DIRECTIONS)
        each = [layout.Counter.unpack(values[at : at + 16]) for at in range(0, len(values), 16)]
        found.append(
            Count(
                name(layout.Reason, reason),
                name(layout.Direction, direction, "DIRECTION_"),
                sum(one.packets for one in each),
                sum(one.octets for one in each),
            )
        )
    return tuple(found)


def name(kind: type[enum.IntEnum], number: int, prefix: str = "") -> str:
    """The name of an enum's value in words, its number where this netctl does not know it."""
    try:
        return kind(number).name[len(prefix) :].lower().replace("_", " ")
    except ValueError:
        return str(number)


def address(octets: bytes) -> str:
    """An address of the datapath as text: IPv4 stands there as ::ffff:a.b.c.d."""
    found = IPv6Address(octets)
    return str(found.ipv4_mapped or found)
