"""HOST: loaded objects: which are pinned, whether they are what their digest says, and how new ones come in."""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import ExitStack
from typing import Optional

from bpf import maps, objects, sight
from bpf.layout import LAYOUT, MAPS
from bpf.libbpf import asked
from bpf.maps import held
from bpf.objects import Loaded, Loading, Object
from bpf.pins import FOLDERS, Pins, children
from state.kernel_bpf import Program, program_digest
from state.problem import HostError, Problem

Known = dict[int, tuple[str, str, str]]

ALTERED = "altered"
INCOMPLETE = "incomplete"


class Programs:
    """The pinned programs of one host."""

    def __init__(self, pins: Pins) -> None:
        self._pins = pins

    def all(self) -> dict[str, Program]:
        """The pinned objects by name, the newest of each; others as `NAME@DIGEST`."""
        found: dict[str, Program] = {}
        own, everything = self._pinned_maps(), self._loaded()
        for name in children(f"{self._pins.base}/programs"):
            ages: list[tuple[int, str, Program]] = []
            for digest in self._pins.digests(name):
                loaded = everything.get((name, digest), {})
                age = max((item.loaded_at for item in loaded.values()), default=0)
                ages.append((age, digest, self._describe(name, digest, loaded, own)))
            for place, (_, digest, program) in enumerate(sorted(ages, key=lambda item: item[0], reverse=True)):
                found[f"{name}@{digest}" if place else name] = program
        return found

    def _loaded(self) -> dict[tuple[str, str], dict[str, Loaded]]:
        """The pinned programs by object and digest, then by function."""
        found: dict[tuple[str, str], dict[str, Loaded]] = {}
        pinned = asked("look at the programs", sight.programs, f"{self._pins.base}/programs")
        for name, digest, function, about, used, rodata in pinned:
            description = sight.PROGRAM.unpack(about)
            names = {number: title.decode() for number, title in used}
            found.setdefault((name, digest), {})[function] = Loaded(description[1], description[7], names, rodata)
        return found

    def _describe(self, name: str, digest: str, loaded: Mapping[str, Loaded], own: frozenset[int]) -> Program:
        """What is pinned under a digest: the digest is believed only if the kernel's read-only data agree with it."""
        if name not in objects.OBJECTS:
            return Program(ALTERED, {})
        item = objects.load(name)
        if set(loaded) != set(item.functions):
            return Program(INCOMPLETE, {})
        config: Mapping[str, int] = {}
        foreign: set[str] = set()
        intact = True
        for function in loaded.values():
            rodata = function.rodata
            config = {} if rodata is None else item.config(rodata)
            same_object = digest == program_digest(item.digest, config)
            intact = intact and rodata is not None and (not same_object or item.rodata(config) == rodata)
            foreign.update(_foreign(function, own))
        return Program(digest if intact else ALTERED, config, tuple(sorted(foreign)))

    def _pinned_maps(self) -> frozenset[int]:
        """The ids of the maps that programs should use."""
        pinned = asked("look at the maps", sight.maps, self._pins.base, FOLDERS)
        return frozenset(sight.MAP.unpack(raw)[1] for folder, name, raw in pinned if folder == LAYOUT and name in MAPS)

    def by_id(self) -> Known:
        """Object, digest and function of each pinned program, by its id."""
        return {
            item.id: (name, digest, function)
            for (name, digest), functions in self._loaded().items()
            for function, item in functions.items()
        }

    def using(self, name: str) -> Optional[int]:
        """The id of the map of this name that pinned programs use, None where none does."""
        layout = MAPS[name]
        for functions in self._loaded().values():
            for identity in [number for item in functions.values() for number in item.maps]:
                with held(maps.by_id(identity)) as map_fd:
                    about = maps.info(map_fd)
                if (about.name, about.type, about.key, about.value) == (name, layout.type, layout.key, layout.value):
                    return identity
        return None

    def load(self, name: str, wanted: Program) -> None:
        """Load and pin the object, unless it is there; pins of its other digests go."""
        if self.all().get(name) != wanted:
            item = self._item(name, wanted)
            folder = self._pins.program(name, wanted.digest)
            with self._loading(item, wanted.config) as loading:
                self._pins.drop(folder)
                for function, fd in loading.programs():
                    self._pins.put(fd, f"{folder}/{function}")
        for digest in self._pins.digests(name):
            if digest != wanted.digest:
                self._pins.drop(self._pins.program(name, digest))

    def copy(self, name: str, digest: str) -> Loading:
        """The pinned object loaded once more, under other ids; for the caller to close."""
        found = self.all().get(name)
        if found is None or found.digest != digest:
            raise HostError(Problem(f"program {name}: {digest} is not loaded"))
        return self._loading(self._item(name, found), found.config)

    def _item(self, name: str, wanted: Program) -> Object:
        item = objects.load(name)
        if program_digest(item.digest, wanted.config) != wanted.digest:
            raise HostError(
                Problem(
                    f"program {name}: this version of netctl does not carry {wanted.digest}",
                    "It belongs to another version. Apply with that version, or plan again with this one.",
                )
            )
        return item

    def _loading(self, item: Object, config: Mapping[str, int]) -> Loading:
        with ExitStack() as stack:
            pinned: dict[str, int] = {}
            for name in MAPS:
                fd = self._pins.get(self._pins.map(name))
                if fd is not None:
                    stack.callback(os.close, fd)
                    pinned[name] = fd
            return Loading(item, config, pinned)

    def delete(self, address: str) -> None:
        """Remove the pins of an object, of one digest if the address is `NAME@DIGEST`."""
        name, _, only = address.partition("@")
        for digest in self._pins.digests(name):
            if only in ("", digest):
                self._pins.drop(self._pins.program(name, digest))


def _foreign(loaded: Loaded, own: frozenset[int]) -> set[str]:
    """The names of the maps a program uses that are not the pinned ones."""
    return {name for number, name in loaded.maps.items() if number not in own and name in MAPS}
