"""HOST: what netctl has attached to which device, and how it is attached, replaced, put first again and taken away."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Optional

from bpf import hooks, sight
from bpf.libbpf import BpfError, asked
from bpf.maps import held
from bpf.pins import Pins, children
from bpf.programs import Known, Programs
from state.host import dumps, read
from state.kernel_bpf import Attachment
from state.problem import HostError, Problem

DIRECTIONS = ("ingress", "egress")


class Attachments:
    """The hooks of one host's devices, in the network namespace `home`. Changes are made from inside it."""

    def __init__(self, pins: Pins, programs: Programs, home: str = "") -> None:
        self._pins = pins
        self._programs = programs
        self._home = home

    def all(self) -> dict[str, Attachment]:
        """What netctl has attached, by `DEVICE DIRECTION`."""
        known = self._programs.by_id()
        indexes = devices(self._home)
        found = {f"{device} {direction}": value for device, direction, value in self._links(indexes, known)}
        if not hooks.has_tcx(self._home):
            for device, index in indexes.items():
                for direction in DIRECTIONS:
                    program = hooks.filtered(self._home, index, direction)
                    if program is not None:
                        found[f"{device} {direction}"] = _attachment(program, known, "clsact", ())
        return found

    def _pinned(self) -> dict[tuple[str, str], tuple[int, int]]:
        """The links by device and direction: the device's index, and the program's id."""
        links = asked("look at the links", sight.links, f"{self._pins.base}/links")
        return {self._pins.hook(name): hooks.link_target(raw) for name, raw in links}

    def _links(self, indexes: Mapping[str, int], known: Known) -> Iterator[tuple[str, str, Attachment]]:
        for (device, direction), (index, program) in self._pinned().items():
            if index and indexes.get(device) == index:
                order = hooks.chain(self._home, index, direction)
                ahead = order[: order.index(program)] if program in order else order
                yield device, direction, _attachment(program, known, "tcx", tuple(hooks.name_of(one) for one in ahead))

    def foreign(self, device: str, direction: str) -> tuple[str, ...]:
        """The names of the programs of others at a tcx hook."""
        index = devices(self._home).get(device)
        if index is None:
            return ()
        _, own = self._pinned().get((device, direction), (0, -1))
        return tuple(hooks.name_of(program) for program in hooks.chain(self._home, index, direction) if program != own)

    def attach(self, device: str, direction: str, wanted: Attachment) -> None:
        """Attach the pinned program first in line; what netctl has there is replaced in one step."""
        index = devices(self._home).get(device)
        if index is None:
            raise HostError(Problem(f"attachment {device} {direction}: there is no such device"))
        name, _, function = wanted.program.partition("/")
        fd = self._pins.get(f"{self._pins.program(name, wanted.digest)}/{function}")
        if fd is None:
            raise HostError(Problem(f"attachment {device} {direction}: program {wanted.program} is not loaded"))
        with held(fd):
            if wanted.by == "tcx":
                self._link(device, direction, index, fd, wanted)
            else:
                if hooks.make_qdisc(index):
                    self._pins.mark(self._pins.qdisc(device))
                hooks.put_filter(fd, index, direction)

    def _link(self, device: str, direction: str, index: int, program_fd: int, wanted: Attachment) -> None:
        path = self._pins.link(device, direction)
        link_fd = self._pins.get(path)
        if link_fd is not None:
            with held(link_fd):
                target, current = hooks.target_of(link_fd)
                if target == index:
                    if hooks.chain(self._home, index, direction)[:1] == (current,):
                        hooks.relink(link_fd, program_fd)
                    else:
                        self._put_first(path, link_fd, index, direction, program_fd, wanted)
                    return
            self._pins.drop(path)
        with held(hooks.link(program_fd, index, direction)) as fresh:
            self._pins.put(fresh, path)

    def _put_first(
        self, path: str, link_fd: int, index: int, direction: str, program_fd: int, wanted: Attachment
    ) -> None:
        """Move netctl's program to the front without a moment in which none runs.

        A hook takes a program once only: a second copy goes in front, the old link goes, the program replaces its copy.
        """
        name, _, function = wanted.program.partition("/")
        with self._programs.copy(name, wanted.digest) as loading:
            copies = dict(loading.programs())
            with held(hooks.link(copies[function], index, direction)) as fresh:
                self._pins.put(fresh, path)
                hooks.detach(link_fd)
                hooks.relink(fresh, program_fd)

    def detach(self, device: str, direction: str) -> None:
        """Take netctl's program away; with the last one the qdisc, where netctl added it."""
        path = self._pins.link(device, direction)
        fd = self._pins.get(path)
        if fd is not None:
            with held(fd), suppress(BpfError):
                hooks.detach(fd)
            self._pins.drop(path)
        index = devices(self._home).get(device)
        if index is not None and not hooks.has_tcx(self._home):
            hooks.drop_filter(index, direction)
        self._sweep(device, index)

    def _sweep(self, device: str, index: Optional[int]) -> None:
        mark = self._pins.qdisc(device)
        if not os.path.exists(mark):
            return
        if index is not None:
            if any(hooks.filtered(self._home, index, direction) is not None for direction in DIRECTIONS):
                return
            if not hooks.has_filters(index):
                hooks.drop_qdisc(index)
        self._pins.drop(mark)

    def sweep(self) -> None:
        """Forget what was attached to devices that are gone, and links that somebody detached."""
        indexes = devices(self._home)
        for (device, direction), (index, _) in self._pinned().items():
            if indexes.get(device) != index:
                self._pins.drop(self._pins.link(device, direction))
        for name in children(f"{self._pins.base}/qdiscs"):
            device = self._pins.device(name)
            if device not in indexes:
                self._pins.drop(self._pins.qdisc(device))


def devices(netns: str = "") -> dict[str, int]:
    """The index of each device of a network namespace, by name."""
    return {name: index for index, name in read.names(dumps.links(netns)).items()}


def _attachment(program: int, known: Known, by: str, before: tuple[str, ...]) -> Attachment:
    if program in known:
        name, digest, function = known[program]
        return Attachment(f"{name}/{function}", digest, by, before)
    return Attachment(hooks.name_of(program), "unknown", by, before)
