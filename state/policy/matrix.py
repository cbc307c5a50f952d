"""BOTH SIDES: who reaches whom on which ports: every group towards every other, as the engine's rules say."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Optional

from state.cluster import Cluster
from state.policy.engine import Engine, engine_of
from state.policy.flow import ECHO, NO_NAMES
from state.policy.groups import OWN_HOST, Group, groups
from state.policy.portset import EVERY_PORT, PortSet
from state.policy.reach import CARRIED, passing
from state.policy.rules import LAST

Cell = Mapping[int, PortSet]
"""The ports that pass, by IP version: those that both ends have."""


@dataclass(frozen=True)
class Matrix:
    """Who reaches whom on some ports. `cells` by the names of source and target; what no policy is about has none."""

    groups: tuple[Group, ...]
    cells: Mapping[tuple[str, str], Cell]
    ports: PortSet = EVERY_PORT

    def reach(self, source: Group, target: Group) -> Optional[Cell]:
        """The ports that pass between two groups; None where no policy is about them."""
        return self.cells.get((source.name, target.name))


def matrix(cluster: Cluster, namespaces: Collection[str] = (), ports: PortSet = EVERY_PORT) -> Matrix:
    """Who reaches whom on these ports. With `namespaces` only what begins or ends there, and whom that concerns."""
    engine = engine_of(cluster)
    found = groups(engine)
    cells: dict[tuple[str, str], Cell] = {}
    for source in found:
        for target in found:
            inside = not namespaces or source.namespace in namespaces or target.namespace in namespaces
            if inside and asked(source, target):
                cells[source.name, target.name] = reach(engine, source, target, ports)
    if namespaces:
        found = tuple(group for group in found if group.namespace in namespaces or _concerned(group, cells))
    return _fused(Matrix(found, cells, ports))


def asked(source: Group, target: Group) -> bool:
    """Whether a policy can say anything: one end is an endpoint; a host always reaches those it has, and one itself."""
    if "endpoints" not in (source.kind, target.kind) or source.name == OWN_HOST:
        return False
    return source != target or len(source.members) > 1


def reach(engine: Engine, source: Group, target: Group, ports: PortSet = EVERY_PORT) -> Cell:
    """The ports that pass from one group to another, in each family that both have."""
    named = engine.named(target.identity) if target.kind == "endpoints" else NO_NAMES
    found: dict[int, PortSet] = {}
    for version in sorted(source.addresses.keys() & target.addresses.keys()):
        passes = ports.only(CARRIED[version])
        if source.kind == "endpoints":
            passes = passes & passing(engine, "egress", source.identity, target.far(version), named)
        if target.kind == "endpoints" and passes:
            passes = passes & passing(engine, "ingress", target.identity, source.far(version), named)
        found[version] = passes
    return found


def _concerned(group: Group, cells: Mapping[tuple[str, str], Cell]) -> bool:
    return group.kind != "endpoints" or any(group.name in pair and any(cell.values()) for pair, cell in cells.items())


def _fused(found: Matrix) -> Matrix:
    """The matrix with regions of the world of which the same is true as one group, over both families."""
    endpoints = [group for group in found.groups if group.kind == "endpoints"]
    alike: dict[object, list[Group]] = {}
    for group in found.groups:
        key: object = group.name
        if group.kind == "world":
            pairs = [pair for other in endpoints for pair in ((group, other), (other, group))]
            key = tuple(_alike(found.reach(*pair)) for pair in pairs)
        alike.setdefault(key, []).append(group)
    kept: list[Group] = []
    names: dict[str, str] = {}
    for members in alike.values():
        kept.append(_one(members))
        names.update({member.name: kept[-1].name for member in members})
    cells: dict[tuple[str, str], Cell] = {}
    for (source, target), cell in found.cells.items():
        if source in names and target in names:
            pair = names[source], names[target]
            cells[pair] = {**cells.get(pair, {}), **cell}
    return replace(found, groups=tuple(kept), cells=cells)


def _alike(cell: Optional[Cell]) -> object:
    """Equal for cells of two families that say the same."""
    return None if cell is None else frozenset(map(plain, cell.values()))


def plain(ports: PortSet) -> PortSet:
    """The ports with ICMP of both families as one where that means the same: all of it, or echo requests."""
    return PortSet.of(ALIKE.get(item, item) for item in ports.ranges)


ALIKE = {
    ("ICMPV6", *span): ("ICMP", *other)
    for span, other in (((0, LAST["ICMPV6"]), (0, LAST["ICMP"])), ((ECHO[6], ECHO[6]), (ECHO[4], ECHO[4])))
}


def _one(members: list[Group]) -> Group:
    """A group of the members of several."""
    if len(members) == 1:
        return members[0]
    blocks = tuple(block for member in members for block in member.members)
    wide = [member.name for member in members if member.name.startswith("world")]
    listed = ", ".join(blocks[:2]) + (f" and {len(blocks) - 2} more" if len(blocks) > 2 else "")
    name = "world" if len(wide) == 2 else wide[0] if wide else listed
    addresses = {version: address for member in members for version, address in member.addresses.items()}
    return replace(members[0], name=name, members=blocks, addresses=addresses)
