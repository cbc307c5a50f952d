"""WORKSTATION: what `netctl lock` moved because somebody else got it: never without a word to those who lose it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Optional, TypeVar, Union

from state.lock_lines import FILE, Lock, SeatLine, SliceLine
from state.manifest import Manifest
from state.problem import Problem, Source
from state.slices import Address, Network

L = TypeVar("L", SliceLine, SeatLine)
FAMILIES = ("ipv4", "ipv6")
SHOWN = 10  # endpoints that went along with their host's slice


def told(manifest: Manifest, old: Lock, new: Lock) -> list[Problem]:
    """A warning for each host and endpoint that lost its slice or address to another, with what it has instead.

    It lost it to what the manifest fixes, or to one whom the lock gave the same. Whatever else moves was asked for: an
    endpoint on another host, or everything with the range.
    """
    hosts, seats = _first(old.slices, lambda line: line.host), _first(old.seats, lambda line: line.key)
    slices = {line.host: line for line in new.slices}
    return [
        problem
        for family in FAMILIES
        for problem in (
            *_slices(family, manifest, hosts, slices, (seats, new.seats), _twice(family, old.slices)),
            *_addresses(family, manifest, seats, new.seats, _twice(family, old.seats)),
        )
    ]


def _first(lines: Iterable[L], name: Callable[[L], str]) -> dict[str, L]:
    """The lines by name; of a file that says a thing twice, the first."""
    found: dict[str, L] = {}
    for line in lines:
        found.setdefault(name(line), line)
    return found


def _twice(family: str, lines: Iterable[Union[SliceLine, SeatLine]]) -> set[object]:
    """What a lock gives to more than one."""
    held = Counter(getattr(line, family) for line in lines)
    return {value for value, times in held.items() if times > 1}


def _slices(
    family: str,
    manifest: Manifest,
    old: Mapping[str, SliceLine],
    new: Mapping[str, SliceLine],
    seats: tuple[Mapping[str, SeatLine], Iterable[SeatLine]],
    twice: set[object],
) -> Iterator[Problem]:
    for name, line in sorted(new.items()):
        before: Optional[Network] = getattr(old.get(name), family, None)
        after: Optional[Network] = getattr(line, family)
        if before is None or after is None or before == after or getattr(manifest.hosts[name], f"slice_{family}"):
            continue
        for other, theirs in sorted(new.items()):
            if other != name and _overlap(before, getattr(theirs, family)):
                entry = manifest.hosts[other]
                why = "by `slice`" if getattr(entry, f"slice_{family}") is not None else ""
                if not why and before not in twice:
                    break
                along = list(_along(family, name, *seats))
                yield _moved(f"host {name}", before, after, f"host {other}", why, entry.source, along)
                break


def _overlap(one: Network, other: Optional[Network]) -> bool:
    return (
        other is not None
        and int(one.network_address) <= int(other.broadcast_address)
        and int(other.network_address) <= int(one.broadcast_address)
    )


def _along(family: str, host: str, old: Mapping[str, SeatLine], new: Iterable[SeatLine]) -> Iterator[str]:
    for line in new:
        before, after = getattr(old.get(line.key), family, None), getattr(line, family)
        if line.host == host and before is not None and before != after:
            yield f"{line.key} from {before} to {after}"


def _addresses(
    family: str, manifest: Manifest, old: Mapping[str, SeatLine], new: Iterable[SeatLine], twice: set[object]
) -> Iterator[Problem]:
    lines = list(new)
    holders: dict[Address, str] = {getattr(line, family): line.key for line in lines}
    for line in lines:
        before, after = getattr(old.get(line.key), family, None), getattr(line, family)
        holder = line.key if before is None else holders.get(before, line.key)
        if after is None or holder == line.key or getattr(manifest.endpoints[line.key], family) is not None:
            continue
        entry = manifest.endpoints[holder]
        why = "by `address`" if getattr(entry, family) is not None else ""
        if why or before in twice:
            yield _moved(f"endpoint {line.key}", before, after, f"endpoint {holder}", why, entry.source, [])


def _moved(who: str, before: object, after: object, holder: str, why: str, where: Source, along: list[str]) -> Problem:
    """`why` says how the manifest gives it to the holder; empty where the lock file had given it twice."""
    reason = f"{holder} gets {before} {why}" if why else f"{FILE} gave {before} to {holder} too, which keeps it"
    lines = [f"{reason}. Connections to what moved end when this is applied."]
    if along:
        more = f", and {len(along) - SHOWN} more" if len(along) > SHOWN else ""
        lines.append(f"With it moved: {', '.join(along[:SHOWN])}{more}.")
    lines.append("If that is not meant, change the manifest, take the file from Git again and run `netctl lock`.")
    return Problem(f"{who} moved from {before} to {after}", "\n".join(lines), holder, where, severity="warning")
