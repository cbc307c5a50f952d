"""BOTH SIDES: a flow as the policy of one of its ends sees it, and what of a rule means it by port or by address."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Optional

from state.policy.labels import HOST, REMOTE_NODE, WORLD_IPV4, WORLD_IPV6
from state.policy.parties import IpAddress, Party
from state.policy.rules import Cidr, Peers, Ports

ECHO = {4: 8, 6: 128}  # the ICMP types of an echo request

NamedPorts = Mapping[str, frozenset[tuple[str, int]]]
"""What a destination calls its ports: protocol and number by name."""
NO_NAMES: NamedPorts = {}


@dataclass(frozen=True)
class Far:
    """The other end of a flow as the subject's policy sees it: its identity, its address if known, and what it is."""

    identity: int
    address: Optional[IpAddress]
    endpoint: bool
    world: bool


@dataclass(frozen=True)
class Flow:
    """A flow as the subject's policy sees it. `port` is the type for ICMP and ICMPV6; `named` are the destination's."""

    far: Far
    protocol: str
    port: int
    named: NamedPorts


def home(party: Party) -> str:
    """The host that an end is, or that it lives on; empty for the world."""
    if party.endpoint is not None:
        return party.endpoint.host
    return "" if party.host is None else party.host.name


def seen_by(subject: Party, other: Party, address: Optional[IpAddress]) -> Far:
    """The other end as the subject's policy sees it: its own host is `host`, another one `remote-node`."""
    if other.endpoint is not None:
        number = other.endpoint.identity
    elif other.host is not None:
        number = HOST if other.host.name == home(subject) else REMOTE_NODE
    else:
        number = WORLD_IPV6 if address is not None and address.version == 6 else WORLD_IPV4
    return Far(number, address, other.endpoint is not None, other.world)


def port_matches(port: Ports, flow: Flow) -> bool:
    """Whether a rule's port means that of a flow."""
    if port.protocol != flow.protocol:
        return False
    if port.name:
        return (flow.protocol, flow.port) in flow.named.get(port.name, frozenset())
    return port.first <= flow.port <= port.last


def by_block(peers: Peers, far: Far) -> bool:
    """Whether it takes the other end's address to know if the peers mean it."""
    return any(far.world or (far.endpoint and block.endpoints) for block in peers.blocks)


def contains(block: Cidr, far: Far) -> bool:
    """Whether a block means the other end: of a Cilium document the world alone, of a Kubernetes one endpoints too."""
    if far.address is None or not (far.world or (far.endpoint and block.endpoints)):
        return False
    return far.address in block.network and not any(far.address in part for part in block.excepts)
