"""BOTH SIDES: the lines of `netctl.lock` as values, and the text they stand in.

One line is one fact, the lines are sorted, and no line depends on another: so Git merges two branches line by line, and
a person can review the diff. A file left with conflict markers still has every line of both sides.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import Callable, Optional, TypeVar

from state.problem import Problem, Source

FILE = "netctl.lock"
VERSION = "1"
HEADER = (
    "# The numbers and addresses that stay stable between runs. Written by `netctl lock`: commit it, do not edit it.\n"
    "# After a merge, with or without conflict markers, run `netctl lock`: it mends the file.\n"
)
T = TypeVar("T")


@dataclass(frozen=True)
class SliceLine:
    """A host's slice of each range. Here and below `line` is where it stands in the file, 0 for what is new."""

    host: str
    ipv4: Optional[IPv4Network]
    ipv6: Optional[IPv6Network]
    line: int = field(default=0, compare=False)


@dataclass(frozen=True)
class SeatLine:
    """An endpoint's place on a host: its id there, and its addresses."""

    key: str
    host: str
    id: int
    ipv4: Optional[IPv4Address]
    ipv6: Optional[IPv6Address]
    line: int = field(default=0, compare=False)


@dataclass(frozen=True)
class IdentityLine:
    """The number of a label set; `retired` where no endpoint has these labels any more."""

    number: int
    labels: tuple[str, ...]
    retired: bool = False
    line: int = field(default=0, compare=False)


@dataclass(frozen=True)
class Lock:
    """A whole lock file. As read it may hold duplicates; as allocated it holds none."""

    slices: tuple[SliceLine, ...] = ()
    seats: tuple[SeatLine, ...] = ()
    identities: tuple[IdentityLine, ...] = ()


def text(lock: Lock) -> str:
    """The file that says this lock."""
    slices = [f"host {item.host}{_families(item)}" for item in lock.slices]
    seats = [f"endpoint {item.key} host={item.host} id={item.id}{_families(item)}" for item in lock.seats]
    identities = [
        f"{'retired' if item.retired else 'identity'} {item.number} {' '.join(item.labels)}" for item in lock.identities
    ]
    blocks = [f"version {VERSION}", *("\n".join(lines) for lines in (slices, seats, identities) if lines)]
    return HEADER + "\n\n".join(blocks) + "\n"


def _families(item: SliceLine | SeatLine) -> str:
    ipv4 = f" ipv4={item.ipv4}" if item.ipv4 is not None else ""
    return ipv4 + (f" ipv6={item.ipv6}" if item.ipv6 is not None else "")


def parse(written: str, mend: bool = False) -> tuple[Lock, list[Problem]]:
    """The lock that a file says, and what cannot be read. `mend`: a conflict is both of its sides, not a problem."""
    slices: list[SliceLine] = []
    seats: list[SeatLine] = []
    identities: list[IdentityLine] = []
    problems: list[Problem] = []
    one_side: set[str] = set()  # of a conflict: Git leaves lines on both sides that both have
    side = ""
    for number, line in enumerate(written.splitlines(), 1):
        if _is_marker(line):
            side = line[0]
            if side in "<>":
                one_side.clear()
            if not mend:
                problems.append(
                    _problem("a conflict that Git left", "Run `netctl lock`: it mends the file.", number, line)
                )
        elif side != "|" and line.strip() and not line.startswith("#"):
            if side == "<":
                one_side.add(line)
            elif side == "=" and line in one_side:
                continue
            try:
                found = _line(line.split(), number)
            except (ValueError, KeyError):
                problems.append(_problem("a line that netctl does not write", _BROKEN, number, line))
                continue
            if isinstance(found, SliceLine):
                slices.append(found)
            elif isinstance(found, SeatLine):
                seats.append(found)
            elif found is not None:
                identities.append(found)
    return Lock(tuple(slices), tuple(seats), tuple(identities)), problems


_BROKEN = "Take the file from Git again, or remove the line and run `netctl lock`."


def _problem(summary: str, detail: str, number: int, line: str) -> Problem:
    return Problem(f"{FILE} has {summary}", detail, source=Source(FILE, number), snippet=line)


def _is_marker(line: str) -> bool:
    return line == "=======" or line.startswith(("<<<<<<< ", ">>>>>>> ", "||||||| "))


def _line(words: list[str], number: int) -> Optional[SliceLine | SeatLine | IdentityLine]:
    """The value of one line. Raises ValueError or KeyError for what is none."""
    if len(words) < 2:
        raise ValueError(words[0])
    kind, name = words[0], words[1]
    if kind == "version" and name == VERSION and len(words) == 2:
        return None
    if kind in ("identity", "retired") and len(words) > 2:
        return IdentityLine(int(name), tuple(sorted(words[2:])), kind == "retired", number)
    values = dict(_pair(word) for word in words[2:])
    if kind == "host" and values.keys() <= {"ipv4", "ipv6"}:
        return SliceLine(name, _get(values, "ipv4", IPv4Network), _get(values, "ipv6", IPv6Network), number)
    if kind == "endpoint" and values.keys() <= {"host", "id", "ipv4", "ipv6"} and "/" in name:
        ipv4, ipv6 = _get(values, "ipv4", IPv4Address), _get(values, "ipv6", IPv6Address)
        return SeatLine(name, values["host"], int(values["id"]), ipv4, ipv6, number)
    raise ValueError(kind)


def _pair(word: str) -> tuple[str, str]:
    name, sign, value = word.partition("=")
    if not sign:
        raise ValueError(word)
    return name, value


def _get(values: Mapping[str, str], name: str, kind: Callable[[str], T]) -> Optional[T]:
    return kind(values[name]) if name in values else None
