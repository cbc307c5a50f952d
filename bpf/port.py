"""HOST: the BPF half of the kernel port on a real kernel: see `state.kernel_bpf.Bpf`, which it implements."""

from __future__ import annotations

import os
import struct
import time
from collections.abc import Generator, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Optional

from bpf import attachments, hooks, libbpf, maps, objects, sight
from bpf.attachments import Attachments
from bpf.generation import TABLES, WORD, Generations
from bpf.layout import LAYOUT, MAPS
from bpf.libbpf import asked
from bpf.maps import held
from bpf.pins import FOLDERS, Pins
from bpf.programs import Programs
from state.host.netlink import inside
from state.host.questions import spoil
from state.kernel_bpf import CAPACITY, Attachment, Count, Event, Fill, Generation, Map, Program, Table
from state.problem import HostError

CONNECTIONS = "connections"
CLOCK_MONOTONIC_COARSE = 6


class LinuxBpf:
    """BPF on this host. `root` is where the BPF file system belongs; devices are those of the namespace `home`."""

    def __init__(self, root: str = "/sys/fs/bpf", home: str = "") -> None:
        self._home = home
        self._pins = Pins(root)
        self._programs = Programs(self._pins)
        self._attachments = Attachments(self._pins, self._programs, home)

    def missing(self) -> tuple[str, ...]:
        """What netctl needs for BPF and this host lacks, a sentence each."""
        try:
            libbpf.library()
            if not any(name == WORD for _, name, _ in self._pinned_maps()):  # what can be opened could be made
                os.close(maps.create(MAPS[WORD]))
                spoil()
        except HostError as error:
            return tuple(f"{problem.summary}. {problem.detail}".strip() for problem in error.problems)
        return ()

    def tcx(self) -> bool:
        """Whether the kernel has tcx."""
        return hooks.has_tcx(self._home)

    def ticks(self) -> int:
        """How many jiffies make a second: the resolution of the coarse clock."""
        return round(1 / time.clock_getres(CLOCK_MONOTONIC_COARSE))

    def objects(self) -> Mapping[str, str]:
        """The digest of each compiled object."""
        return {name: objects.load(name).digest for name in objects.OBJECTS}

    def devices(self) -> Mapping[str, int]:
        """The index of each device, by name."""
        return attachments.devices(self._home)

    def maps(self) -> Mapping[str, Map]:
        """The pinned maps by name; those of another layout as `NAME@LAYOUT`."""
        found: dict[str, Map] = {}
        for layout, name, raw in self._pinned_maps():
            about = maps.describe(raw)
            address = name if layout == LAYOUT else f"{name}@{layout}"
            found[address] = Map(about.type, about.key, about.value, about.max_entries, about.flags, layout)
        return found

    def _pinned_maps(self) -> tuple[tuple[str, str, bytes], ...]:
        """Folder, name and description of each pinned map."""
        return asked("look at the maps", sight.maps, self._pins.base, FOLDERS)

    def create_map(self, name: str) -> None:
        """Make and pin the map, or pin again the one that loaded programs use."""
        path = self._pins.map(name)
        if os.path.exists(path):
            return
        used = self._programs.using(name)
        with held(maps.create(MAPS[name]) if used is None else maps.by_id(used)) as fd:
            self._pins.put(fd, path)

    def delete_map(self, name: str) -> None:
        """Remove the pin."""
        name, _, layout = name.partition("@")
        self._pins.drop(self._pins.map(name, layout or LAYOUT))

    def programs(self) -> Mapping[str, Program]:
        """The pinned objects by name."""
        return self._programs.all()

    def load_program(self, name: str, program: Program) -> None:
        """Load and pin the object. Where it was attached under the same digest, the new copy takes over."""
        with inside(self._home):
            attached = [
                (address.rpartition(" "), item)
                for address, item in self._attachments.all().items()
                if item.digest == program.digest and item.program.startswith(f"{name}/")
            ]
            self._programs.load(name, program)
            for (device, _, direction), item in attached:
                self._attachments.attach(device, direction, item)

    def delete_program(self, name: str) -> None:
        """Remove the pins, and those of links that lead nowhere any more."""
        self._programs.delete(name)
        with inside(self._home):
            self._attachments.sweep()

    def attachments(self) -> Mapping[str, Attachment]:
        """What netctl has attached, by `DEVICE DIRECTION`."""
        return self._attachments.all()

    def foreign(self, device: str, direction: str) -> tuple[str, ...]:
        """The names of the programs of others at this hook."""
        return self._attachments.foreign(device, direction)

    def attach(self, device: str, direction: str, attachment: Attachment) -> None:
        """Attach the pinned program first in line, or replace what is attached there in one step."""
        with inside(self._home):
            self._attachments.attach(device, direction, attachment)

    def detach(self, device: str, direction: str) -> None:
        """Take netctl's program away from this hook."""
        with inside(self._home):
            self._attachments.detach(device, direction)

    @contextmanager
    def _pinned(self, *names: str) -> Generator[Optional[Mapping[str, int]], None, None]:
        """The file descriptors of these maps, None unless all are there."""
        with ExitStack() as stack:
            found: dict[str, int] = {}
            for name in names:
                fd = self._pins.get(self._pins.map(name))
                if fd is not None:
                    stack.callback(os.close, fd)
                    found[name] = fd
            yield found if len(found) == len(names) else None

    def leave(self) -> None:
        """Take the mount away, too, where netctl made it."""
        self._pins.leave()

    def entries(self, name: str) -> Table:
        """All entries of a pinned map."""
        content = asked(f"read the map {name}", sight.table, self._pins.map(name))
        return {} if content is None else maps.entries(content)

    def update(self, name: str, entries: Table) -> None:
        """Write the entries, one store each."""
        with self._required(name) as pinned:
            maps.write(pinned[name], entries)

    def delete(self, name: str, keys: tuple[bytes, ...]) -> None:
        """Remove the entries."""
        with self._pinned(name) as pinned:
            for key in keys if pinned is not None else ():
                assert pinned is not None
                maps.remove(pinned[name], key)

    @contextmanager
    def _required(self, *names: str) -> Generator[Mapping[str, int], None, None]:
        with self._pinned(*names) as pinned:
            if pinned is None:
                raise HostError.of(f"map {', '.join(names)}: not there", "Plan again: the maps are made first.")
            yield pinned

    def generation(self) -> Generation:
        """What the active slot holds."""
        found = asked("read the tables", sight.generation, f"{self._pins.base}/{LAYOUT}", WORD, TABLES)
        word, tables = found or (0, ())
        return Generation(word >> 8, {name: maps.entries(table, zeros=True) for name, table in zip(TABLES, tables)})

    def switch(self, tables: Mapping[str, Table]) -> None:
        """Make `tables` what the host decides by, in one store."""
        with self._required(WORD, *TABLES) as pinned:
            Generations(pinned).switch(tables)

    def connection_tables(self) -> frozenset[int]:
        """The endpoint ids that have a connection table."""
        return frozenset(struct.unpack("<I", key)[0] for key in self.entries(CONNECTIONS))

    def create_connection_table(self, endpoint: int) -> None:
        """Give an endpoint its own connection table."""
        with self._required(CONNECTIONS) as pinned:
            layout = MAPS[CONNECTIONS].inner
            assert layout is not None
            if maps.inner(pinned[CONNECTIONS], endpoint) is None:
                with held(maps.create(layout)) as fd:
                    maps.put_inner(pinned[CONNECTIONS], endpoint, fd)

    def delete_connection_table(self, endpoint: int) -> None:
        """Forget the endpoint's connections."""
        with self._pinned(CONNECTIONS) as pinned:
            if pinned is not None:
                maps.remove(pinned[CONNECTIONS], struct.pack("<I", endpoint))

    def listen(self) -> Iterator[tuple[Event, ...]]:
        """Events as they happen, in batches. Raises HostError where there is nothing that could tell of any."""
        from bpf import events

        with self._pinned(events.LISTENERS) as pinned:
            if pinned is None:
                raise HostError.of(
                    "nothing of netctl is applied on this host (any more)",
                    "It is new, was destroyed, or has booted since. Run `netctl apply` for it first.",
                )
            try:
                yield from events.listen(pinned[events.LISTENERS], self._home)
            finally:
                if not maps.read(pinned[events.LISTENERS]):
                    self._trace(False)

    def trace(self) -> None:
        """Tell listeners of every packet that passes, too, until nobody listens any more."""
        self._trace(True)

    def _trace(self, on: bool) -> None:
        self.update("tracing", {bytes(4): struct.pack("<I", int(on))})

    def counters(self) -> tuple[Count, ...]:
        """What was counted, summed over CPUs, without zeros."""
        from bpf import events

        return events.counts(self.entries("counters"))

    def fill(self) -> tuple[Fill, ...]:
        """How full each map is."""
        found: list[Fill] = []
        for name, layout in MAPS.items():
            with self._pinned(name) as pinned:
                if pinned is not None and layout.inner is None and layout.type in ("hash", "lru_hash"):
                    found.append(Fill(name, len(maps.read(pinned[name])), layout.max_entries))
        for endpoint in sorted(self.connection_tables()):
            with self._required(CONNECTIONS) as pinned:
                number = maps.inner(pinned[CONNECTIONS], endpoint)
                if number is not None:
                    with held(maps.by_id(number)) as fd:
                        found.append(Fill(f"connections {endpoint}", len(maps.read(fd)), maps.info(fd).max_entries))
        found.extend(Fill(name, len(table), CAPACITY[name]) for name, table in self.generation().tables.items())
        return tuple(found)
