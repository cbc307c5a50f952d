"""BOTH SIDES: the port: all that a kind may ask of a host, and the records it is answered with.

`state.host.linux` is the real kernel, `tests.fake_kernel` the other implementation. What fails raises `HostError` with
the object and the kernel's own words. Everywhere `netns` is the name of a network namespace, `""` the host's own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Optional, Protocol, Union

if TYPE_CHECKING:
    from state.kernel_bpf import Bpf

MAIN_TABLE = 254


@dataclass(frozen=True)
class Link:
    """A network device as the kernel shows it.

    `type` is the kernel's word (`veth`, `vxlan`; none for hardware). Of VXLAN are `port`, `external` and `ttl`: the
    outer packets', 0 is the kernel's choice. `peer_index` and `peer_netns` say where the other end of a veth is;
    the latter is None where that namespace has no name, and for devices that are not in the host's own.
    `link_local` tells whether the kernel makes an fe80 address for it, `ipv6` whether it speaks IPv6 at all.
    """

    name: str
    index: int
    type: str
    up: bool
    mtu: int
    mac: str
    marks: tuple[str, ...] = ()
    master: int = 0
    port: int = 0
    external: bool = False
    peer_index: int = 0
    peer_netns: Optional[str] = None
    rp_filter: int = 0
    forwarding_ipv4: bool = False
    forwarding_ipv6: bool = False
    accept_ra: int = 0
    ipv6: bool = False
    link_local: bool = False
    ttl: int = 0


@dataclass(frozen=True)
class Veth:
    """A pair of devices to be made: one in the host's own namespace, `peer` in `netns`; both down, both marked."""

    name: str
    mac: str
    mtu: int
    mark: str
    netns: str
    peer: str
    peer_mac: str


@dataclass(frozen=True)
class Vxlan:
    """A VXLAN device to be made, down and marked; its keys come with every packet (`external`)."""

    name: str
    mac: str
    mtu: int
    mark: str
    port: int


@dataclass(frozen=True)
class Settings:
    """What to change of a device; None leaves a thing as it is."""

    up: Optional[bool] = None
    mtu: Optional[int] = None
    mac: Optional[str] = None
    mark: Optional[str] = None
    rp_filter: Optional[int] = None
    accept_ra: Optional[int] = None
    ipv6: Optional[bool] = None
    link_local: Optional[bool] = None


@dataclass(frozen=True)
class Address:
    """An address of a device. `protocol` says who made it: 110 is netctl."""

    netns: str
    device: str
    address: str
    length: int
    protocol: int


@dataclass(frozen=True)
class Neighbour:
    """A neighbour's hardware address. `protocol` says who made it: 110 is netctl."""

    netns: str
    device: str
    address: str
    mac: str
    permanent: bool
    protocol: int


@dataclass(frozen=True)
class Route:
    """A route. `destination` is always written out (`0.0.0.0/0`); empty texts and an `mtu` of 0 are absent things."""

    netns: str
    destination: str
    device: str
    gateway: str
    onlink: bool
    source: str
    metric: int
    mtu: int
    table: int
    type: str
    protocol: int


@dataclass(frozen=True)
class Rule:
    """A routing rule of the host's own namespace. `family` is 4 or 6."""

    family: int
    priority: int
    source: str
    destination: str
    mark: int
    mask: int
    incoming: str
    outgoing: str
    table: int
    action: str
    protocol: int


Thing = Union[Address, Neighbour, Route, Rule]


class Net(Protocol):
    """Devices, and what is configured on them."""

    def links(self, netns: str = "") -> list[Link]:
        """All devices of a namespace."""
        ...

    def addresses(self, netns: str = "") -> list[Address]:
        """All addresses of a namespace."""
        ...

    def neighbours(self, netns: str = "") -> list[Neighbour]:
        """The neighbours of a namespace that are permanent or somebody's (`protocol`): not what the kernel learned."""
        ...

    def routes(self, netns: str = "", within: Optional[Sequence[str]] = None) -> list[Route]:
        """Routes of every table; with `within` netctl's own, and those of others to places inside these networks."""
        ...

    def rules(self) -> list[Rule]:
        """The routing rules of the host's own namespace, both families."""
        ...

    def route_to(self, address: str) -> Optional[Route]:
        """The route the host itself would take to an address."""
        ...

    def create(self, device: Union[Veth, Vxlan]) -> None:
        """Make a device with its mark; there is no moment at which it exists without."""
        ...

    def configure(self, name: str, settings: Settings, netns: str = "") -> None:
        """Change an existing device."""
        ...

    def delete(self, name: str) -> None:
        """Remove a device of the host's own namespace; one that is gone is fine."""
        ...

    def put(self, things: Sequence[Thing]) -> None:
        """Add or replace, in the order given, in few system calls."""
        ...

    def remove(self, things: Sequence[Thing]) -> None:
        """Remove, in the order given; what is gone is fine."""
        ...


class Namespaces(Protocol):
    """Named network namespaces."""

    def names(self) -> list[str]:
        """All of them, sorted."""
        ...

    def owned(self) -> list[str]:
        """Those that netctl made, by their mark, sorted."""
        ...

    def create(self, name: str) -> None:
        """Make one with its mark; there is no moment at which the name exists without. One that is there is fine."""
        ...

    def delete(self, name: str) -> None:
        """Remove the name; processes inside keep what they have. One that is gone is fine."""
        ...


class Sysctls(Protocol):
    """Values below /proc/sys, named by their path there (`net/ipv4/ip_forward`)."""

    def read(self, name: str, netns: str = "") -> Optional[str]:
        """The value, or None where this kernel does not have it."""
        ...

    def write(self, name: str, value: str, netns: str = "") -> None:
        """Set the value."""
        ...


class Nft(Protocol):
    """The nftables table `inet netctl`, as the JSON that `nft -j` speaks."""

    def read(self) -> Optional[list[dict[str, object]]]:
        """The table's objects, or None where there is no such table or no nft."""
        ...

    def run(self, commands: Sequence[Mapping[str, object]]) -> None:
        """Carry out commands as one transaction."""
        ...


class Originals(Protocol):
    """What netctl overwrote and cannot mark: written and flushed before the change, read only by destroy and undo."""

    def remember(self, section: str, values: Mapping[str, str]) -> None:
        """Keep the values that are not kept yet; returns when they are on the disk."""
        ...

    def recall(self, section: str) -> Mapping[str, str]:
        """What was kept, empty when nothing was or the file is gone."""
        ...

    def forget(self) -> None:
        """Remove the file; part of destroy."""
        ...


class Kernel(Protocol):
    """A host as the kinds see it."""

    @property
    def net(self) -> Net: ...
    @property
    def netns(self) -> Namespaces: ...
    @property
    def sysctl(self) -> Sysctls: ...
    @property
    def nft(self) -> Nft: ...
    @property
    def originals(self) -> Originals: ...
    @property
    def bpf(self) -> Bpf: ...
