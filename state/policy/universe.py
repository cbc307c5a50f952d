"""BOTH SIDES: all identities of a cluster as bits of integers: a selector is a few operations, however many."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from state.cluster import Cluster
from state.policy.labels import CLUSTER, HOST, REMOTE_NODE, RESERVED, WORLD_IPV4, WORLD_IPV6, Selector, parse
from state.policy.rules import Peers

SPECIAL = (HOST, REMOTE_NODE, WORLD_IPV4, WORLD_IPV6)
WITHIN = ("host", "remote-node", "init", "ingress", "health", "unmanaged")


class Universe:
    """The identities that can be peers: those of the cluster, hosts, and the world of each family."""

    def __init__(self, cluster: Cluster) -> None:
        labels: dict[int, tuple[str, ...]] = {number: RESERVED[number] for number in SPECIAL}
        labels.update({endpoint.identity: endpoint.identity_labels for endpoint in cluster.endpoints.values()})
        labels.update(cluster.identities)
        self.numbers = tuple(sorted(labels))
        self.place = {number: place for place, number in enumerate(self.numbers)}
        self.everything = (1 << len(self.numbers)) - 1
        self._cluster = cluster.name
        self._having: dict[tuple[str, str], int] = {}
        self._being: dict[tuple[str, str, str], int] = {}
        for number in self.numbers:
            bit = 1 << self.place[number]
            for source, key, value in map(parse, labels[number]):
                for name in (source, "any"):
                    self._having[name, key] = self._having.get((name, key), 0) | bit
                    self._being[name, key, value] = self._being.get((name, key, value), 0) | bit
        self._selected: dict[Selector, int] = {}

    def selected(self, selector: Selector) -> int:
        """The identities a selector means."""
        if selector not in self._selected:
            self._selected[selector] = self._select(selector)
        return self._selected[selector]

    def _select(self, selector: Selector) -> int:
        bits = self.everything
        for item in selector.requirements:
            having = self._having.get((item.source, item.key), 0)
            among = 0
            for value in item.values:
                among |= self._being.get((item.source, item.key, value), 0)
            bits &= {"Exists": having, "DoesNotExist": ~having, "In": among, "NotIn": ~among}[item.operator]
        return bits

    def meant(self, peers: Peers) -> int:
        """The identities that a rule's selectors and entities mean; blocks are not among them."""
        bits = 0
        for selector in peers.selectors:
            bits |= self.selected(selector)
        for entity in peers.entities:
            bits |= self._having.get(("reserved", entity), 0)
            if entity == "cluster":
                bits |= self._being.get(("k8s", CLUSTER, self._cluster), 0)
                for name in WITHIN:
                    bits |= self._having.get(("reserved", name), 0)
        return bits

    def numbers_of(self, bits: int) -> Iterator[int]:
        """The numbers of the identities in a set."""
        while bits:
            lowest = bits & -bits
            yield self.numbers[lowest.bit_length() - 1]
            bits ^= lowest

    def bits_of(self, numbers: Iterable[int]) -> int:
        """The set of these identities."""
        bits = 0
        for number in numbers:
            bits |= 1 << self.place[number]
        return bits


Names = Mapping[str, frozenset[tuple[str, int]]]
"""Named ports: protocol and number by name."""
NamedPorts = Mapping[int, Names]


def named_ports(cluster: Cluster) -> NamedPorts:
    """What each identity's endpoints call their ports. Replicas that disagree have all of their numbers."""
    found: dict[int, dict[str, frozenset[tuple[str, int]]]] = {}
    for endpoint in cluster.endpoints.values():
        ports = found.setdefault(endpoint.identity, {})
        for name, port in endpoint.ports.items():
            key = name.lower()
            ports[key] = ports.get(key, frozenset()) | {(port.protocol, port.number)}
    return found
