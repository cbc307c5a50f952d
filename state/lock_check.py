"""BOTH SIDES: what is wrong with a lock file: said twice, or not what the manifest needs. Problems name both sides."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import Callable, Optional, TypeVar, Union

from state.allocation import labels_of
from state.lock_lines import FILE, IdentityLine, Lock, SeatLine, SliceLine
from state.manifest import EndpointEntry, Manifest
from state.problem import Problem, Source
from state.slices import Network

Line = Union[SliceLine, SeatLine, IdentityLine]
L = TypeVar("L", SliceLine, SeatLine, IdentityLine)
MEND = "Two branches took the same. `netctl lock` mends it: the first by name keeps it, the other one gets a new one."
UPDATE = "Run `netctl lock`, and commit the file together with the change."

NAMED = 3  # of the endpoints with one identity


def duplicates(lock: Lock) -> list[Problem]:
    """Everything that the file says twice."""
    problems = [
        *_twice(lock.slices, lambda line: line.host),
        *_twice(lock.seats, lambda line: line.key),
        *_twice(lock.seats, lambda line: (line.host, line.id), lambda line: f"id {line.id} on host {line.host}"),
        *_twice(lock.seats, lambda line: line.ipv4, lambda line: f"address {line.ipv4}"),
        *_twice(lock.seats, lambda line: line.ipv6, lambda line: f"address {line.ipv6}"),
        *_twice(lock.identities, lambda line: line.number, lambda line: f"identity number {line.number}"),
        *_twice(lock.identities, lambda line: line.labels if not line.retired else None),
        *_overlaps([(line.ipv4, line) for line in lock.slices if line.ipv4]),
        *_overlaps([(line.ipv6, line) for line in lock.slices if line.ipv6]),
    ]
    return sorted(dict.fromkeys(problems), key=lambda problem: problem.source.line if problem.source else 0)


def _twice(
    lines: Iterable[L], key: Callable[[L], Hashable], shared: Optional[Callable[[L], str]] = None
) -> list[Problem]:
    """A problem for each line whose key another line has too; None is no key.

    `shared` says what both lay claim to; without it the two lines are about one thing.
    """
    first: dict[Hashable, L] = {}
    clashes = ((first.setdefault(key(line), line), line) for line in lines if key(line) is not None)
    return [
        _clash(shared(line), other, line) if shared is not None else _torn(other, line)
        for other, line in clashes
        if other is not line
    ]


def _overlaps(networks: list[tuple[Network, SliceLine]]) -> list[Problem]:
    """Slices that overlap. Sorted by their first address, an overlap is with the widest one begun before."""
    problems: list[Problem] = []
    widest: Optional[tuple[Network, SliceLine]] = None
    for network, line in sorted(networks, key=lambda item: (int(item[0].network_address), item[0].prefixlen)):
        if widest is not None and int(network.network_address) <= int(widest[0].broadcast_address):
            if widest[1].host != line.host:
                problems.append(_clash(f"slice {network}", widest[1], line))
        else:
            widest = (network, line)
    return problems


def _clash(what: str, first: Line, second: Line) -> Problem:
    return Problem(
        f"{FILE} gives {what} twice: to {_name(first)} (line {first.line}) and to {_name(second)} (line {second.line})",
        MEND,
        source=Source(FILE, second.line),
    )


def _torn(first: Line, second: Line) -> Problem:
    return Problem(
        f"{FILE} has {_name(first)} twice: with {_value(first)} (line {first.line}) "
        f"and with {_value(second)} (line {second.line})",
        MEND,
        source=Source(FILE, second.line),
    )


def _value(line: Line) -> str:
    """What a line gives to whom it names."""
    if isinstance(line, IdentityLine):
        return f"number {line.number}"
    addresses = " ".join(str(address) for address in (line.ipv4, line.ipv6) if address is not None)
    return addresses if isinstance(line, SliceLine) else f"id {line.id} on host {line.host} {addresses}".rstrip()


def _name(line: Line) -> str:
    if isinstance(line, SliceLine):
        return f"host {line.host}"
    if isinstance(line, SeatLine):
        return f"endpoint {line.key}"
    return f"{'retired ' if line.retired else ''}{{{', '.join(line.labels)}}}"


def stale(manifest: Manifest, lock: Lock, needed: Lock) -> list[Problem]:
    """Where the lock differs from what the manifest needs, which `allocate` has worked out."""
    if lock == Lock() and needed != Lock():
        return [Problem(f"there is no {FILE}", "`netctl lock` writes it; commit it together with the manifest.")]
    return [
        *_differences("host", _by_host(lock), _by_host(needed), {name: h.source for name, h in manifest.hosts.items()}),
        *_differences(
            "endpoint", _by_key(lock), _by_key(needed), {key: item.source for key, item in manifest.endpoints.items()}
        ),
        *_identities(manifest, lock, needed),
    ]


def _by_host(lock: Lock) -> dict[str, SliceLine]:
    return {line.host: line for line in lock.slices}


def _by_key(lock: Lock) -> dict[str, SeatLine]:
    return {line.key: line for line in lock.seats}


def _differences(
    kind: str, has: Mapping[str, L], needs: Mapping[str, L], sources: Mapping[str, Source]
) -> list[Problem]:
    problems: list[Problem] = []
    for name in sorted(has.keys() | needs.keys()):
        if name not in has:
            problems.append(Problem(f"{kind} {name} is not in {FILE}", UPDATE, f"{kind} {name}", sources.get(name)))
        elif name not in needs:
            where = Source(FILE, has[name].line)
            problems.append(Problem(f"{FILE} has {kind} {name}, which the manifest does not", UPDATE, "", where))
        elif has[name] != needs[name]:
            where = Source(FILE, has[name].line)
            problems.append(Problem(f"{FILE} does not fit {kind} {name} any more", UPDATE, f"{kind} {name}", where))
    return problems


def _identities(manifest: Manifest, lock: Lock, needed: Lock) -> list[Problem]:
    has = {line.number: line for line in lock.identities}
    needs = {line.number: line for line in needed.identities}
    having: dict[tuple[str, ...], list[EndpointEntry]] = {}
    if not needs.keys() <= has.keys():
        for endpoint in manifest.endpoints.values():
            having.setdefault(labels_of(manifest, endpoint), []).append(endpoint)
    problems: list[Problem] = []
    for number in sorted(has.keys() | needs.keys()):
        if has.get(number) == needs.get(number):
            continue
        if number not in has:
            problems.append(_no_number(needs[number], having.get(needs[number].labels, [])))
        else:
            said = "is no longer used" if number not in needs or needs[number].retired else "is used again"
            where = Source(FILE, has[number].line)
            problems.append(Problem(f"identity {number} {_name(has[number])} {said}", UPDATE, source=where))
    return problems


def _no_number(line: IdentityLine, having: Sequence[EndpointEntry]) -> Problem:
    """It stands where the first of the endpoints with these labels does."""
    summary = f"{FILE} has no number for the identity {_name(line)}"
    if not having:
        return Problem(summary, UPDATE)
    more = f" and {len(having) - NAMED} more" if len(having) > NAMED else ""
    names = ", ".join(item.key for item in having[:NAMED])
    summary += f" of endpoint{'s' if len(having) > 1 else ''} {names}{more}"
    return Problem(summary, UPDATE, f"endpoint {having[0].key}", having[0].source)
