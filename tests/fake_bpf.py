"""BPF in memory: the BPF half of the kernel port, as strict about names and shapes as the real one."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from bpf.layout import LAYOUT, MAPS
from state.kernel_bpf import Attachment, Count, Event, Fill, Generation, Map, Program, Table, program_digest
from state.problem import HostError

OBJECTS = {"endpoint": "e0", "overlay": "0e", "uplink": "a0"}
"""The digests of compiled objects that nobody compiled."""


class FakeBpf:
    """A host's maps, programs and attachments. `devices` asks the fake kernel for its own."""

    def __init__(self, devices: Callable[[], Mapping[str, int]], tcx: bool = True) -> None:
        self._devices = devices
        self._tcx = tcx
        self._maps: dict[str, Map] = {}
        self._contents: dict[str, dict[bytes, bytes]] = {}
        self._programs: dict[str, Program] = {}
        self._attached: dict[tuple[int, str], Attachment] = {}
        self._tables: dict[str, Table] = {}
        self._owners: set[int] = set()
        self.epoch = 0

    def missing(self) -> tuple[str, ...]:
        return ()

    def tcx(self) -> bool:
        return self._tcx

    def objects(self) -> Mapping[str, str]:
        return OBJECTS

    def devices(self) -> Mapping[str, int]:
        return self._devices()

    def maps(self) -> Mapping[str, Map]:
        return dict(self._maps)

    def create_map(self, name: str) -> None:
        item = MAPS[name]
        made = Map(item.type, item.key, item.value, item.max_entries, item.flags, LAYOUT)
        self._maps.setdefault(name, made)

    def delete_map(self, name: str) -> None:
        self._maps.pop(name, None)
        self._contents.pop(name, None)
        if name == "generation":
            self.epoch, self._tables = 0, {}
        if name == "connections":
            self._owners = set()

    def programs(self) -> Mapping[str, Program]:
        return dict(self._programs)

    def load_program(self, name: str, program: Program) -> None:
        self._need(*MAPS)
        if program.digest != program_digest(OBJECTS[name], program.config):
            raise HostError.of(f"program {name}: this version of netctl does not carry {program.digest}")
        self._programs[name] = program

    def delete_program(self, name: str) -> None:
        self._programs.pop(name, None)

    def attachments(self) -> Mapping[str, Attachment]:
        names = {index: name for name, index in self._devices().items()}
        return {
            f"{names[index]} {direction}": item for (index, direction), item in self._attached.items() if index in names
        }

    def foreign(self, device: str, direction: str) -> tuple[str, ...]:
        return ()

    def attach(self, device: str, direction: str, attachment: Attachment) -> None:
        name = attachment.program.partition("/")[0]
        if name not in self._programs or self._programs[name].digest != attachment.digest:
            raise HostError.of(f"attachment {device} {direction}: program {attachment.program} is not loaded")
        self._attached[self._devices()[device], direction] = attachment

    def detach(self, device: str, direction: str) -> None:
        self._attached.pop((self._devices().get(device, 0), direction), None)

    def entries(self, name: str) -> Table:
        found = self._contents.get(name, {})
        if MAPS[name].type == "array":
            return {key: value for key, value in found.items() if any(value)}
        return dict(found)

    def update(self, name: str, entries: Table) -> None:
        self._need(name)
        for key, value in entries.items():
            if (len(key), len(value)) != (MAPS[name].key, MAPS[name].value):
                raise HostError.of(f"map {name}: {len(key)} and {len(value)} bytes do not fit")
            self._contents.setdefault(name, {})[key] = value

    def delete(self, name: str, keys: tuple[bytes, ...]) -> None:
        for key in keys:
            self._contents.get(name, {}).pop(key, None)

    def leave(self) -> None:
        """There is no mount."""

    def generation(self) -> Generation:
        return Generation(self.epoch, dict(self._tables))

    def switch(self, tables: Mapping[str, Table]) -> None:
        self._need("generation")
        for name, table in tables.items():
            inner = MAPS[name].inner
            assert inner is not None
            for key, value in table.items():
                if (len(key), len(value)) != (inner.key, inner.value):
                    raise HostError.of(f"table {name}: {len(key)} and {len(value)} bytes do not fit")
        if dict(tables) != self._tables:
            self._tables, self.epoch = dict(tables), self.epoch + 1

    def connection_tables(self) -> frozenset[int]:
        return frozenset(self._owners)

    def create_connection_table(self, endpoint: int) -> None:
        self._need("connections")
        self._owners.add(endpoint)

    def delete_connection_table(self, endpoint: int) -> None:
        self._owners.discard(endpoint)

    def listen(self) -> Iterator[tuple[Event, ...]]:
        self._need("listeners")
        while True:
            yield ()

    def trace(self) -> None:
        self._need("tracing")

    def ticks(self) -> int:
        return 250

    def counters(self) -> tuple[Count, ...]:
        return ()

    def fill(self) -> tuple[Fill, ...]:
        return ()

    def _need(self, *names: str) -> None:
        for name in names:
            if name not in self._maps:
                raise HostError.of(f"map {name}: not there", "Plan again: the maps are made first.")
