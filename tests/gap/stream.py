"""Numbered packets both ways: the program in stream.c, and what it says of a window of time."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

SOURCE = Path(__file__).with_name("stream.c")
MUST, NEVER, EITHER, FENCE = "m", "n", "e", "f"
NUMBERS = {"TCP": 6, "UDP": 17}
PATIENCE = 60.0


@dataclass(frozen=True)
class Door:
    """A device in a network namespace: what enters and leaves there is written and read as frames."""

    netns: str
    device: str
    mac: str
    next_hop: str


@dataclass(frozen=True)
class Flow:
    """Numbered packets from one door to another, each sent back by whom it reaches.

    `ports`: how many source ports it cycles through. `next_hop`: where that is not the door's.
    """

    name: str
    origin: str
    target: str
    protocol: str
    source: str
    destination: str
    source_port: int
    port: int
    ports: int = 1
    next_hop: str = ""


@dataclass(frozen=True)
class Fault:
    """Packets that should have arrived and did not, or the reverse; the window's packets count from 0."""

    flow: Flow
    what: str
    count: int
    first: int
    last: int
    number: int

    def __str__(self) -> str:
        ends = f"{self.flow.source} -> {self.flow.destination} port {self.flow.port}/{self.flow.protocol}"
        return f"{self.flow.name} ({ends}): {self.count} {self.what}, from {self.first} to {self.last} of the window"


@dataclass(frozen=True)
class Counts:
    """What became of one flow's packets in a window."""

    sent: int
    arrived: int
    returned: int


@dataclass(frozen=True)
class Window:
    """What the program saw in one window."""

    seconds: float
    counts: Mapping[str, Counts]
    faults: tuple[Fault, ...]
    rules: str
    overrun: int
    late: int
    twice: int
    astray: int

    @property
    def exact(self) -> bool:
        """Whether nothing happened that would make the numbers doubtful."""
        return not (self.overrun or self.late or self.twice or self.astray)


def build(folder: Path) -> Path:
    """Compile the program."""
    program = folder / "stream"
    clang = shutil.which("clang-19") or shutil.which("clang") or "clang-19"
    subprocess.run([clang, "-O2", "-Wall", "-Wextra", "-Werror", "-o", str(program), str(SOURCE)], check=True)
    return program


class Stream:
    """The running program. Use it as a context manager; nothing is sent before the first window begins."""

    def __init__(self, program: Path, doors: Mapping[str, Door], flows: Sequence[Flow], rate: float) -> None:
        self._flows = tuple(flows)
        names = list(doors)
        lines = [f"door {door.netns} {door.device}" for door in doors.values()]
        for flow in flows:
            ends = f"{names.index(flow.origin)} {names.index(flow.target)} {NUMBERS[flow.protocol]}"
            what = f"{flow.source} {flow.destination} {flow.source_port} {flow.port} {flow.ports}"
            lines.append(f"flow {ends} {what} {doors[flow.origin].mac} {flow.next_hop or doors[flow.origin].next_hop}")
        configuration = program.with_suffix(".conf")
        configuration.write_text("\n".join([*lines, ""]))
        cpu = str(max(os.sched_getaffinity(0)))
        command = [str(program), str(configuration), str(rate), cpu]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self._rules = ""
        self._expect("ready")

    def __enter__(self) -> Stream:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.communicate()

    def window(self, rules: Mapping[str, str]) -> Window:
        """End the window and begin the next, in which `rules` say what each flow's packets must do."""
        letters = "".join(rules[flow.name] for flow in self._flows)
        found = self._ask(f"window {letters}", self._rules)
        self._rules = letters
        return found

    def end(self) -> Window:
        """End the last window, and the program."""
        return self._ask("end", self._rules)

    def _ask(self, command: str, rules: str) -> Window:
        assert self._process.stdin is not None
        self._process.stdin.write(command + "\n")
        self._process.stdin.flush()
        said: dict[str, Any] = json.loads(self._read())
        return Window(
            said["seconds"],
            {flow.name: Counts(*counts) for flow, counts in zip(self._flows, said["flows"])},
            tuple(self._fault(**item) for item in said["faults"]),
            rules,
            said["overrun"],
            said["late"],
            said["twice"],
            said["astray"],
        )

    def _fault(self, flow: int, what: str, count: int, first: int, last: int, number: int) -> Fault:
        return Fault(self._flows[flow], what, count, first, last, number)

    def _expect(self, word: str) -> None:
        said = self._read().strip()
        assert said == word, said

    def _read(self) -> str:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, f"the program ended with status {self._process.wait(PATIENCE)}"
        return line
