"""BOTH SIDES: everybody there is, in groups of whom no rule tells the members apart: what is true of one is of all.

Endpoints are alike if every selector of the documents means both or neither, they define the named ports alike, and
every address block that can mean endpoints holds both or neither. Addresses of the world are alike by their narrowest
block. So a thousand endpoints are as many groups as the policies make of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Optional

from state.cluster import Cluster, Endpoint
from state.policy.engine import Engine
from state.policy.flow import Far
from state.policy.labels import CLUSTER, HOST, NAMESPACE, NAMESPACE_LABELS, REMOTE_NODE, WORLD_IPV4, WORLD_IPV6
from state.policy.parties import IpAddress
from state.policy.regions import Region, regions
from state.policy.rules import IpNetwork

FAMILIES = (4, 6)
OWN_HOST, OTHER_HOSTS = "own host", "other hosts"


@dataclass(frozen=True)
class Group:
    """Members that no rule tells apart. `kind` is `endpoints`, `hosts` or `world`; members are keys, or blocks.

    `labels` are those that all of them have, `identity` is that of one of them, `addresses` one of each family: of
    hosts it matters in no rule, and is None.
    """

    kind: str
    name: str
    members: tuple[str, ...]
    identity: int
    addresses: Mapping[int, Optional[IpAddress]]
    namespace: str = ""
    labels: tuple[str, ...] = ()

    def far(self, version: int) -> Far:
        """A member as the policy of somebody else sees it, over one family."""
        return Far(self.identity, self.addresses[version], self.kind == "endpoints", self.kind == "world")


def groups(engine: Engine) -> tuple[Group, ...]:
    """Everybody: endpoints by namespace and labels, an endpoint's own host, the other hosts, and the world."""
    alike: dict[object, list[Endpoint]] = {}
    tell = _Signature(engine)
    for _, endpoint in sorted(engine.cluster.endpoints.items()):
        alike.setdefault(tell.of(endpoint), []).append(endpoint)
    made = sorted((_endpoints(members) for members in alike.values()), key=lambda group: (group.namespace, group.name))
    hosts = tuple(Group("hosts", *host, dict.fromkeys(FAMILIES)) for host in _hosts(engine.cluster))
    return (*_unlike(made), *hosts, *map(_world, _regions(engine)))


class _Signature:
    """What rules can tell an endpoint by."""

    def __init__(self, engine: Engine) -> None:
        rules, meaning = engine.rules, engine.meaning
        selectors = {section.subject for section in rules.sections}
        selectors.update(selector for rule in rules.rules for selector in rule.peers.selectors)
        self._selected: dict[int, int] = {}
        for place, selector in enumerate(selectors):
            for identity in meaning.selected(selector):
                self._selected[identity] = self._selected.get(identity, 0) | 1 << place
        self._names = {port.name for rule in rules.rules for port in rule.ports or () if port.name}
        self._blocks = tuple(_blocks(engine, endpoints=True))
        self._engine = engine

    def of(self, endpoint: Endpoint) -> object:
        """Equal for endpoints that no rule tells apart."""
        named = self._engine.named(endpoint.identity)
        ports = tuple((name, named[name]) for name in sorted(self._names & named.keys()))
        addresses = (endpoint.ipv4, endpoint.ipv6)
        inside = tuple(block for block in self._blocks for one in addresses if one is not None and one in block)
        there = tuple(one is not None for one in addresses)
        return endpoint.namespace, self._selected.get(endpoint.identity, 0), ports, inside, there


def _blocks(engine: Engine, endpoints: bool) -> dict[IpNetwork, None]:
    """The address blocks of all rules, excepted ones too; of those that can mean endpoints alone, if so wanted."""
    found: dict[IpNetwork, None] = {}
    for rule in engine.rules.rules:
        for block in rule.peers.blocks:
            if block.endpoints or not endpoints:
                found.update(dict.fromkeys((block.network, *block.excepts)))
    return found


def _endpoints(members: list[Endpoint]) -> Group:
    first = members[0]
    common = [label for label in first.identity_labels if all(label in one.identity_labels for one in members)]
    labels = tuple(_own(common))
    found = {4: first.ipv4, 6: first.ipv6}
    return Group(
        "endpoints",
        " ".join((first.namespace, *labels)),
        tuple(one.key for one in members),
        first.identity,
        {version: address for version, address in found.items() if address is not None},
        first.namespace,
        labels,
    )


def _own(labels: Iterable[str]) -> Iterator[str]:
    """The labels that the manifest gives an endpoint itself."""
    for label in labels:
        text = label.partition(":")[2]
        if not text.startswith((f"{NAMESPACE}=", NAMESPACE_LABELS, f"{CLUSTER}=")):
            yield text


def _unlike(found: list[Group]) -> Iterator[Group]:
    """The groups under names of their own: where several have the same labels in common, by their first member."""
    names = [group.name for group in found]
    for group in found:
        if names.count(group.name) == 1:
            yield group
        else:
            first = group.members[0].partition("/")[2]
            more = f" and {len(group.members) - 1} more" if len(group.members) > 1 else ""
            yield replace(group, name=f"{group.name} ({first}{more})")


def _hosts(cluster: Cluster) -> Iterator[tuple[str, tuple[str, ...], int]]:
    names = tuple(sorted(cluster.hosts))
    yield OWN_HOST, names, HOST
    if len(names) > 1:
        yield OTHER_HOSTS, names, REMOTE_NODE


def _regions(engine: Engine) -> Iterator[Region]:
    ranges = engine.cluster.ranges
    inside = [network for network in (ranges.ipv4, ranges.ipv6) if network is not None]
    return regions(_blocks(engine, endpoints=False), inside)


def _world(region: Region) -> Group:
    version = region.address.version
    identity = WORLD_IPV4 if version == 4 else WORLD_IPV6
    name = f"world IPv{version}" if region.network.prefixlen == 0 else str(region.network)
    return Group("world", name, (str(region.network),), identity, {version: region.address})
