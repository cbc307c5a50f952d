"""BOTH SIDES: the manifest as frozen values: what the YAML says, before the lock file gives numbers.

`schemas` builds a `Manifest` from a folder; `state.lock` numbers it into a `state.cluster.Cluster`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import Optional, Union

from state.policy.labels import Selector
from state.problem import Source

Json = Union[None, bool, int, float, str, "list[Json]", "dict[str, Json]"]
Path = tuple[Union[str, int], ...]


@dataclass(frozen=True)
class Network:
    """How packets cross hosts: `mode` is `overlay` or `native`; `encapsulation` is `vxlan`; `port` its UDP port."""

    mode: str = "overlay"
    encapsulation: str = "vxlan"
    port: int = 8472


@dataclass(frozen=True)
class Ranges:
    """Where endpoint addresses come from; each host's slice has the length `host_prefix_*`."""

    ipv4: Optional[IPv4Network]
    ipv6: Optional[IPv6Network]
    host_prefix_ipv4: int = 24
    host_prefix_ipv6: int = 64


@dataclass(frozen=True)
class Ssh:
    """How to log in. `host_key` is `TYPE BASE64` as in known_hosts; empty only where no SSH is used."""

    user: str = ""
    port: int = 0
    host_key: str = ""


@dataclass(frozen=True)
class Underlay:
    """What tunnels and routes between hosts use, where it differs from the SSH address."""

    ipv4: Optional[IPv4Address] = None
    ipv6: Optional[IPv6Address] = None
    device: str = ""


@dataclass(frozen=True)
class HostEntry:
    """A host as written. `slice_*` is set where the manifest fixes it."""

    name: str
    address: str
    ssh: Ssh
    underlay: Underlay
    labels: Mapping[str, str]
    slice_ipv4: Optional[IPv4Network]
    slice_ipv6: Optional[IPv6Network]
    source: Source


@dataclass(frozen=True)
class Namespace:
    """A name space of endpoints with labels; `kubernetes.io/metadata.name` is always among them."""

    name: str
    labels: Mapping[str, str]
    source: Source


@dataclass(frozen=True)
class Port:
    """A port by number, with its protocol: TCP, UDP or SCTP."""

    number: int
    protocol: str


@dataclass(frozen=True)
class EndpointEntry:
    """An endpoint as written. `ipv4`/`ipv6` are set where `address` fixes them.

    `netns` is the Linux network namespace it lives in; `create_netns` is False where somebody else makes it
    (`attach: {netns: NAME, create: false}`): the endpoint is pending until it is there. `audit`: what its policies deny
    is let through and told; as it says itself, else as the cluster does.
    """

    namespace: str
    name: str
    host: str
    labels: Mapping[str, str]
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
class Document:
    """A policy document, unchanged: its JSON tree, and the place of every node of it by path."""

    kind: str
    namespace: str
    name: str
    body: Json
    marks: Mapping[Path, Source]
    source: Source

    def at(self, path: Path) -> Source:
        """The place of the node at `path`, or of its nearest ancestor."""
        while path and path not in self.marks:
            path = path[:-1]
        return self.marks.get(path, self.source)


End = Union[str, Selector]
"""Who is at an end of an assertion: a name or an address, or all endpoints that a selector means."""


@dataclass(frozen=True)
class PortRange:
    """The ports `first`..`last` of TCP, UDP or SCTP."""

    protocol: str
    first: int
    last: int


@dataclass(frozen=True)
class Assertion:
    """A unit test of the network: each of `origins` towards each of `targets`, on each of `ports`.

    Without ports it is about an echo request. `expect` is `allow` or `deny`.
    """

    origins: tuple[End, ...]
    targets: tuple[End, ...]
    ports: tuple[PortRange, ...]
    expect: str
    source: Source


@dataclass(frozen=True)
class Manifest:
    """A whole manifest as written; hosts, namespaces and endpoints by name or key."""

    name: str
    id: int
    network: Network
    ranges: Ranges
    hosts: Mapping[str, HostEntry]
    namespaces: Mapping[str, Namespace]
    endpoints: Mapping[str, EndpointEntry]
    documents: tuple[Document, ...]
    assertions: tuple[Assertion, ...]
