"""BOTH SIDES: the manifest with its numbers: what every kind derives its desired state from.

A `Cluster` is a `Manifest` to which `state.lock` has given identities, slices, addresses and endpoint ids.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import Optional

from state.manifest import Assertion, Document, Namespace, Network, Port, Ranges, Ssh, Underlay
from state.problem import Source


@dataclass(frozen=True)
class Host:
    """A host with its slice of `ranges.endpoints`. `number` is its place among the hosts in name order, from 1."""

    name: str
    number: int
    address: str
    ssh: Ssh
    underlay: Underlay
    labels: Mapping[str, str]
    slice_ipv4: Optional[IPv4Network]
    slice_ipv6: Optional[IPv6Network]
    source: Source

    @property
    def router_ipv4(self) -> Optional[IPv4Address]:
        """The host's own address in its slice: the first one; also its endpoints' gateway."""
        return None if self.slice_ipv4 is None else self.slice_ipv4[1]

    @property
    def router_ipv6(self) -> Optional[IPv6Address]:
        """The host's own address in its IPv6 slice: the first one; also its endpoints' gateway."""
        return None if self.slice_ipv6 is None else self.slice_ipv6[1]


@dataclass(frozen=True)
class Endpoint:
    """An endpoint with its numbers.

    `identity_labels` is the sorted, full set in Cilium's spelling (`k8s:app=web`,
    `k8s:io.kubernetes.pod.namespace=shop`, ...); `identity` its number (cluster id << 16 | 256..65535); `id` is unique
    on its host, 1..4095. `create_netns`: netctl makes the namespace if it is missing, and owns it then. `audit`: its
    policies are tried before they bite: what they deny is let through and told.
    """

    namespace: str
    name: str
    host: str
    labels: Mapping[str, str]
    identity_labels: tuple[str, ...]
    identity: int
    id: int
    netns: str
    ports: Mapping[str, Port]
    ipv4: Optional[IPv4Address]
    ipv6: Optional[IPv6Address]
    source: Source
    create_netns: bool = True
    audit: bool = False

    @property
    def key(self) -> str:
        """`namespace/name`, unique in the cluster."""
        return f"{self.namespace}/{self.name}"


@dataclass(frozen=True)
class Cluster:
    """Everything the manifest and its lock file say, with every number known.

    `identities` maps number to sorted label set, retired ones included while hosts may still use them.
    """

    name: str
    id: int
    network: Network
    ranges: Ranges
    hosts: Mapping[str, Host]
    namespaces: Mapping[str, Namespace]
    endpoints: Mapping[str, Endpoint]
    identities: Mapping[int, tuple[str, ...]]
    documents: tuple[Document, ...]
    assertions: tuple[Assertion, ...]

    def endpoints_on(self, host: str) -> list[Endpoint]:
        """The endpoints of one host, in key order."""
        return list(self._by_host.get(host, ()))

    @cached_property
    def _by_host(self) -> Mapping[str, Sequence[Endpoint]]:
        found: dict[str, list[Endpoint]] = {}
        for _, endpoint in sorted(self.endpoints.items()):
            found.setdefault(endpoint.host, []).append(endpoint)
        return found
