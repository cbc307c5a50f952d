"""BOTH SIDES: findings put together to flows that people read: alike ends in one line, all ports and families in it.

Putting together never widens: what is said of the ends of a line is true of every source with every destination in it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from state.cluster import Cluster, Endpoint
from state.policy.rules import PROTOCOLS
from state.policy.shift import Shift
from state.problem import Source
from state.traffic import ENDPOINTS, WORLD, Flow, Participants, PortRange, Region

L4 = ("TCP", "UDP", "SCTP")


@dataclass(frozen=True)
class End:
    """One end of a finding: endpoints, a bit for each in the order of their names; regions of the world; or hosts."""

    kind: str
    members: int = 0
    regions: frozenset[Region] = frozenset()


@dataclass(frozen=True)
class Finding:
    """One shift between two ends, in one family, with the lines that decide."""

    source: End
    target: End
    version: int
    shift: Shift
    rules: tuple[Source, ...]
    certain: bool


@dataclass(frozen=True)
class _Line:
    """What becomes a flow. `version` is 0 where no family needs to be named."""

    source: End
    target: End
    version: int
    ports: tuple[PortRange, ...]
    allowed: bool
    rules: tuple[Source, ...]
    certain: bool


def told(cluster: Cluster, findings: Iterable[Finding]) -> tuple[Flow, ...]:
    """The flows, those that start before those that stop, each in the order of their names."""
    families = {4: 0, 6: 0}
    for place, (_, endpoint) in enumerate(sorted(cluster.endpoints.items())):
        for address in (endpoint.ipv4, endpoint.ipv6):
            if address is not None:
                families[address.version] |= 1 << place
    lines = _without_families(_by_protocols(findings), families)
    lines = _without_families(_united(lines), families)
    lines = _united(_all_ports(_united(lines)))
    lines = [line for line in map(_without_itself, lines) if line.source != _NOBODY and line.target != _NOBODY]
    made = _Naming(cluster).flows(lines)
    return tuple(sorted(made, key=_order))


def _by_protocols(findings: Iterable[Finding]) -> list[_Line]:
    """A line for the ports of TCP, UDP and SCTP that two ends share in a family, and one for the types of ICMP."""
    found: dict[object, tuple[Finding, list[PortRange], dict[Source, None]]] = {}
    for item in findings:
        shift = item.shift
        key = item.source, item.target, item.version, shift.allowed, item.certain, shift.protocol in L4
        _, ports, rules = found.setdefault(key, (item, [], {}))
        ports.append(PortRange(shift.protocol, shift.first, shift.last))
        rules.update(dict.fromkeys(item.rules))
    return [
        _Line(item.source, item.target, item.version, tuple(ports), item.shift.allowed, tuple(rules), item.certain)
        for item, ports, rules in found.values()
    ]


def _united(lines: Iterable[_Line]) -> list[_Line]:
    """Lines that differ only in the members of one end, as one."""
    for end in ("source", "target"):
        found: dict[_Line, tuple[int, set[Region]]] = {}
        for line in lines:
            own: End = getattr(line, end)
            key = _with(line, end, End(own.kind))
            members, places = found.get(key, (0, set[Region]()))
            found[key] = members | own.members, places | own.regions
        lines = [
            _with(line, end, End(getattr(line, end).kind, members, frozenset(places)))
            for line, (members, places) in found.items()
        ]
    return list(lines)


def _with(line: _Line, end: str, value: End) -> _Line:
    return replace(line, source=value) if end == "source" else replace(line, target=value)


def _without_families(lines: Iterable[_Line], families: Mapping[int, int]) -> list[_Line]:
    """The family is named only where the ends have another one too, in which it is not so."""
    found: list[_Line] = []
    in_both: dict[_Line, set[int]] = {}
    for line in lines:
        if line.version and _is_needed(line, families):
            in_both.setdefault(replace(line, version=0), set()).add(line.version)
        else:
            found.append(replace(line, version=0))
    for line, versions in in_both.items():
        found += [line] if len(versions) > 1 else [replace(line, version=versions.pop())]
    return list(dict.fromkeys(found))


def _is_needed(line: _Line, families: Mapping[int, int]) -> bool:
    if WORLD in (line.source.kind, line.target.kind) or line.ports[0].protocol not in L4:
        return False
    others = families[10 - line.version]
    return all(end.kind != ENDPOINTS or end.members & others for end in (line.source, line.target))


def _all_ports(lines: Iterable[_Line]) -> list[_Line]:
    """All ports of the same ends in one line."""
    rows = list(lines)
    with_ports = [line for line in rows if line.ports[0].protocol in L4]
    wide = {key: line for line in with_ports for key in _worlds(line)}
    others = {_company(line) for line in with_ports}
    found: dict[object, list[_Line]] = {}
    for line in rows:
        if line.ports[0].protocol not in L4:
            line = _in_company(line, wide, others)
        found.setdefault(_company(line), []).append(line)
    return [
        replace(
            same[0],
            ports=tuple(sorted({port for line in same for port in line.ports}, key=_port_order)),
            rules=tuple(dict.fromkeys(rule for line in same for rule in line.rules)),
        )
        for same in found.values()
    ]


def _company(line: _Line) -> object:
    """What lines that are put together have in common."""
    return line.source, line.target, line.version, line.allowed, line.certain


def _in_company(line: _Line, wide: Mapping[object, _Line], others: Collection[object]) -> _Line:
    """A line about ICMP, which exists in one family alone, as part of what is said of both, or of that one."""
    for key in _worlds(line):
        line = replace(line, source=wide[key].source, target=wide[key].target) if key in wide else line
    named = replace(line, version=4 if line.ports[0].protocol == "ICMP" else 6)
    return named if _company(line) not in others and _company(named) in others else line


def _worlds(line: _Line) -> Iterator[object]:
    """What a line says of the world, in each family: the addresses, and all else."""
    for end, other in ((line.source, line.target), (line.target, line.source)):
        if end.kind == WORLD:
            for six in (False, True):
                here = frozenset(region for region in end.regions if region.six is six)
                if here:
                    yield end is line.source, other, here, line.allowed, line.certain


def _without_itself(line: _Line) -> _Line:
    """Without the endpoint that stands alone at the other end: it always reaches itself."""
    if _alone(line.source):
        return replace(line, target=replace(line.target, members=line.target.members & ~_alone(line.source)))
    return replace(line, source=replace(line.source, members=line.source.members & ~_alone(line.target)))


def _alone(end: End) -> int:
    """The only member."""
    return end.members if end.members & (end.members - 1) == 0 else 0


class _Naming:
    """Lines as flows: identities get their labels, and ends of several identities that do the same stand together."""

    def __init__(self, cluster: Cluster) -> None:
        self._endpoints = [endpoint for _, endpoint in sorted(cluster.endpoints.items())]
        self._totals = Counter(endpoint.identity for endpoint in self._endpoints)

    def flows(self, lines: Iterable[_Line]) -> Iterator[Flow]:
        """Each line, or several of them, as a flow."""
        targets: dict[_Line, list[End]] = {}
        for line in lines:
            targets.setdefault(replace(line, target=_ANY), []).append(line.target)
        sources: dict[tuple[_Line, frozenset[End]], list[End]] = {}
        for line, reached in targets.items():
            sources.setdefault((replace(line, source=_ANY), frozenset(reached)), []).append(line.source)
        for (line, ends), starts in sources.items():
            yield Flow(
                self._named(starts),
                self._named(ends),
                line.ports,
                line.allowed,
                (line.version,) if line.version else (),
                line.rules,
                line.certain,
            )

    def _named(self, ends: Iterable[End]) -> tuple[Participants, ...]:
        return tuple(sorted((one for end in ends for one in self._participants(end)), key=_name_order))

    def _participants(self, end: End) -> Iterator[Participants]:
        if end.kind != ENDPOINTS:
            yield Participants(end.kind, regions=tuple(sorted(end.regions, key=_region_order)))
            return
        found: dict[int, list[Endpoint]] = {}
        left = end.members
        while left:
            lowest = left & -left
            endpoint = self._endpoints[lowest.bit_length() - 1]
            found.setdefault(endpoint.identity, []).append(endpoint)
            left ^= lowest
        for identity, endpoints in found.items():
            names = tuple(endpoint.key for endpoint in endpoints)
            yield Participants(end.kind, endpoints[0].identity_labels, names, self._totals[identity])


_ANY = End("")
_NOBODY = End(ENDPOINTS)


def _region_order(region: Region) -> tuple[bool, str, tuple[str, ...]]:
    return region.six, region.cidr, region.excepts


def _name_order(end: Participants) -> tuple[str, tuple[str, ...], tuple[str, ...], str]:
    return end.kind, end.labels, end.names, str(end.regions)


def _port_order(port: PortRange) -> tuple[int, int]:
    return PROTOCOLS.index(port.protocol), port.first


def _order(flow: Flow) -> tuple[object, ...]:
    ends = (tuple(map(_name_order, side)) for side in (flow.sources, flow.destinations))
    return not flow.allowed, *ends, tuple(map(_port_order, flow.ports)), flow.families, flow.certain
