"""BOTH SIDES: what only the host knows (`Facts`), and what the workstation asks it to look at (`Scope`)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import Optional


@dataclass(frozen=True)
class Device:
    """A network device of the host's own namespace. `addresses` are `ADDRESS/LENGTH` texts."""

    name: str
    index: int
    mtu: int
    up: bool
    addresses: tuple[str, ...]
    accept_ra: int = 0


@dataclass(frozen=True)
class Features:
    """What this kernel and this machine can do; each False degrades with a sentence, never with a traceback."""

    tcx: bool
    btf: bool
    jit: bool
    vxlan: bool
    nft: bool
    ringbuf: bool


@dataclass(frozen=True)
class Facts:
    """What only the host knows.

    `uplink` is the device that carries the host's underlay address, `underlay_*` that address; `present` are the
    network namespaces (names in /run/netns) that exist, `foreign_netns` those of them that netctl did not create.
    `ticks` are the jiffies of a second, `objects` the digests of the compiled BPF objects that came with the agent.
    `missing` are sentences about what netctl needs and the host lacks (each an error); `warnings` about what may bite.
    """

    kernel: str
    python: str
    boot_id: str
    features: Features
    uplink: str
    uplink_mtu: int
    underlay_ipv4: Optional[IPv4Address]
    underlay_ipv6: Optional[IPv6Address]
    devices: Mapping[str, Device]
    present: frozenset[str]
    foreign_netns: frozenset[str]
    missing: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    ticks: int = 250
    objects: Mapping[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True)
class Scope:
    """What the agent needs to know of the manifest to observe: which foreign things could be in the way.

    `netns` are the namespaces of the host's endpoints; `ranges` the endpoint ranges; `underlay_*` and `uplink` as the
    manifest gives them (empty: the agent finds out). `devices` are the names of the endpoints' devices by namespace.
    """

    netns: tuple[str, ...]
    ranges: tuple[str, ...]
    underlay_ipv4: Optional[IPv4Address] = None
    underlay_ipv6: Optional[IPv6Address] = None
    uplink: str = ""
    tunnel_port: int = 0
    slice_ipv4: Optional[IPv4Network] = None
    slice_ipv6: Optional[IPv6Network] = None
    devices: Mapping[str, str] = field(default_factory=dict[str, str])
