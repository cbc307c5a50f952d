"""What apply has made on a host of a lab: its pinned programs and maps, to be run from here."""

from __future__ import annotations

import os
from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path

from bpf import libbpf, objects
from bpf.layout import LAYOUT, MAPS
from bpf.libbpf import call
from bpf.pins import children
from inventory.lab import record
from state.naming import PINS
from tests.bpf.datapath import Datapath, Ring, Tunnel


class Applied(Datapath):
    """The very programs that apply loaded on a host, with the maps they use. What these hold is the test's from now."""

    def __init__(self, pins: str, stack: ExitStack) -> None:
        self.maps = {name: _pinned(f"{pins}/{LAYOUT}/{name}", stack) for name in MAPS}
        self.programs: dict[str, int] = {}
        for name in objects.OBJECTS:
            (digest,) = children(f"{pins}/programs/{name}")
            for function in children(f"{pins}/programs/{name}/{digest}"):
                self.programs[function] = _pinned(f"{pins}/programs/{name}/{digest}/{function}", stack)
        self.ring = Ring(stack, self.maps["listeners"])
        self.tunnel = Tunnel(stack)
        self.begin()


def on(folder: Path, host: str) -> Callable[[], AbstractContextManager[Datapath]]:
    """What a host of a running lab has."""

    @contextmanager
    def opened() -> Generator[Datapath]:
        libbpf.library()
        with ExitStack() as stack:
            yield Applied(f"/proc/{record.find(folder).init(host)}/root{PINS}", stack)

    return opened


def _pinned(path: str, stack: ExitStack) -> int:
    found = call(f"open {path}", "bpf_obj_get", path.encode())
    stack.callback(os.close, found)
    return found
