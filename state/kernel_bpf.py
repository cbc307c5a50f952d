"""BOTH SIDES: the BPF half of the kernel port: maps, programs, attachments and the generation tables of one host.

Kernel ids and file descriptors never appear here: values name things. `bpf.port` is the real one.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol

Table = Mapping[bytes, bytes]


@dataclass(frozen=True)
class Map:
    """A pinned map, sizes in bytes. `layout` is the digest of the layout it was made for."""

    type: str
    key: int
    value: int
    max_entries: int
    flags: int
    layout: str


@dataclass(frozen=True)
class Program:
    """A loaded object: `digest` of its file and read-only data, and `config`, that data as read back from the kernel.

    `foreign_maps` are maps it uses that are not the pinned ones: it was loaded before they were made anew.
    """

    digest: str
    config: Mapping[str, int]
    foreign_maps: tuple[str, ...] = ()


@dataclass(frozen=True)
class Attachment:
    """A program at a hook of a device: `program` is `OBJECT/FUNCTION`, `digest` its object's, `by` `tcx` or `clsact`.

    `before` names the programs of others that run first: each of them can end the chain.
    """

    program: str
    digest: str
    by: str
    before: tuple[str, ...] = ()


@dataclass(frozen=True)
class Generation:
    """The tables a host decides by, complete, as bytes; `epoch` counts the switches."""

    epoch: int
    tables: Mapping[str, Table]


@dataclass(frozen=True)
class Event:
    """One decision of the datapath, in numbers. `time` is the host's monotonic clock in nanoseconds."""

    time: int
    type: str
    direction: str
    point: str
    reason: str
    source_identity: int
    destination_identity: int
    source: str
    destination: str
    protocol: int
    source_port: int
    destination_port: int
    endpoint: int
    policy: int
    epoch: int
    rule: int
    length: int


@dataclass(frozen=True)
class Count:
    """Packets and bytes of one reason in one direction, since the counters were made."""

    reason: str
    direction: str
    packets: int
    bytes: int


@dataclass(frozen=True)
class Fill:
    """How full a map is; `entries` is -1 where the kernel cannot count."""

    name: str
    entries: int
    max_entries: int


CAPACITY: Mapping[str, int] = {
    "addresses": 1 << 18,
    "hosts": (1 << 12) - 1,
    "blocks": 1 << 16,
    "policies": (1 << 13) - 1,
    "pages": (1 << 16) - 1,
    "verdicts": 1 << 20,
    "endpoints": (1 << 12) - 1,
}
"""How many entries each table may have: what the numbers in the tables leave room for, or what a host should bear."""


def program_digest(file: str, config: Mapping[str, int]) -> str:
    """The digest a program is pinned under: of its object's file (given by its own digest) and its read-only data."""
    return hashlib.sha256(f"{file} {json.dumps(dict(config), sort_keys=True)}".encode()).hexdigest()[:16]


class Bpf(Protocol):
    """What the kinds need of BPF on a host. Deleting what is gone and making what is there succeed."""

    def missing(self) -> tuple[str, ...]:
        """What netctl needs for BPF and this host lacks, a sentence each; call nothing else while there is any."""
        ...

    def tcx(self) -> bool:
        """Whether the kernel has tcx (6.6+); clsact otherwise."""
        ...

    def objects(self) -> Mapping[str, str]:
        """The digest of each compiled object that came with the agent, by name (`endpoint`)."""
        ...

    def devices(self) -> Mapping[str, int]:
        """The index of each device of the host's own namespace, by name."""
        ...

    def maps(self) -> Mapping[str, Map]:
        """The pinned maps by name; those of another layout as `NAME@LAYOUT`."""
        ...

    def create_map(self, name: str) -> None:
        """Make and pin the map as the layout describes it, or pin again the one that loaded programs use."""
        ...

    def delete_map(self, name: str) -> None:
        """Remove the pin; the map goes with its last program."""
        ...

    def programs(self) -> Mapping[str, Program]:
        """The pinned objects by name; leftovers of other digests as `NAME@DIGEST`."""
        ...

    def load_program(self, name: str, program: Program) -> None:
        """Load the object with `config` as its read-only data, pin it under its digest, drop its other pins."""
        ...

    def delete_program(self, name: str) -> None:
        """Remove the pins; the program goes when it is attached nowhere."""
        ...

    def attachments(self) -> Mapping[str, Attachment]:
        """What netctl has attached, by `DEVICE DIRECTION` (`nc-0001 ingress`)."""
        ...

    def foreign(self, device: str, direction: str) -> tuple[str, ...]:
        """The names of the programs of others at this hook."""
        ...

    def attach(self, device: str, direction: str, attachment: Attachment) -> None:
        """Attach the pinned program first in line, or replace what is attached there in one step."""
        ...

    def detach(self, device: str, direction: str) -> None:
        """Take netctl's program away from this hook."""
        ...

    def leave(self) -> None:
        """Take away what is left when all else is gone: the mount, if netctl made it and nobody else uses it."""
        ...

    def entries(self, name: str) -> Table:
        """All entries of a pinned map; of an array those that are not all zero. Empty where the map is not there."""
        ...

    def update(self, name: str, entries: Table) -> None:
        """Write the entries, one store each."""
        ...

    def delete(self, name: str, keys: tuple[bytes, ...]) -> None:
        """Remove the entries; in an array, zero them."""
        ...

    def generation(self) -> Generation:
        """What the active slot holds. Epoch 0 and no tables where there is none yet."""
        ...

    def switch(self, tables: Mapping[str, Table]) -> None:
        """Make `tables` what the host decides by, in one store. Equal tables are shared; all equal: no store."""
        ...

    def connection_tables(self) -> frozenset[int]:
        """The endpoint ids that have a connection table."""
        ...

    def create_connection_table(self, endpoint: int) -> None:
        """Give an endpoint its own connection table; one that is there stays, with its connections."""
        ...

    def delete_connection_table(self, endpoint: int) -> None:
        """Forget the endpoint's connections."""
        ...

    def listen(self) -> Iterator[tuple[Event, ...]]:
        """Events as they happen, in batches; an empty batch now and then, so that the caller can stop."""
        ...

    def counters(self) -> tuple[Count, ...]:
        """What was counted, summed over CPUs, without zeros."""
        ...

    def trace(self) -> None:
        """Tell listeners of every packet that passes, too, until nobody listens any more."""
        ...

    def ticks(self) -> int:
        """How many jiffies make a second: the programs' clock."""
        ...

    def fill(self) -> tuple[Fill, ...]:
        """How full each map is."""
        ...
