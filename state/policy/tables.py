"""BOTH SIDES: what a host's policy tables hold: by meaning (`Logical`), and by number for the datapath (`Encoded`).

`encode` and `decode` are each other's inverse: what is decoded from a host's tables is compared with what is wanted,
and an entry somebody added or edited is a difference. How numbers become bytes is the business of bpf.layout.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from ipaddress import ip_network

from state.policy.labels import WORLD_IPV4, WORLD_IPV6
from state.policy.verdicts import Policy

ANY = "any"
WORLD = {"0.0.0.0/0": WORLD_IPV4, "::/0": WORLD_IPV6}
LOCAL_SCOPE = 1 << 24  # CIDR identities: numbers of one host, never on the wire
PAGES = 256  # ports of one page, and pages of one protocol

Verdict = tuple[int, int, int]
"""Identity (0: any), policy number, port class."""


@dataclass(frozen=True)
class Peer:
    """Who an address is: its identity, its host's number (0: this host, or no tunnel), its endpoint id if it is local.

    `drift` is empty, unless somebody changed the numbers of the policies that the entry refers to: it says to what.
    """

    identity: int
    host: int
    endpoint: int
    drift: str = ""


@dataclass(frozen=True)
class Tunnel:
    """Where another host's tunnel ends: its underlay address."""

    underlay: str


@dataclass(frozen=True)
class Block:
    """An address block that policies speak of. `endpoints`: inside ranges.endpoints, where only `peer` says who it is.

    `drift` is empty, unless somebody changed the block's number: then it is that number.
    """

    endpoints: bool
    drift: str = ""


@dataclass(frozen=True)
class Logical:
    """Peers by address, tunnels by host number, blocks by CIDR, policies by `DIRECTION/IDENTITY`."""

    peers: Mapping[str, Peer]
    tunnels: Mapping[str, Tunnel]
    blocks: Mapping[str, Block]
    policies: Mapping[str, Policy]


@dataclass(frozen=True)
class PeerRow:
    """An entry of `addresses`. `ingress` and `egress` are policy numbers; 0: not isolated, or not on this host."""

    identity: int
    host: int
    endpoint: int
    ingress: int = 0
    egress: int = 0


@dataclass(frozen=True)
class BlockRow:
    """An entry of `blocks`."""

    identity: int
    endpoints: bool


@dataclass(frozen=True)
class PolicyRow:
    """An entry of `policies`: the pages of each protocol's 256 port ranges, in the order of PROTOCOLS."""

    page: tuple[int, ...]
    by_block: bool


@dataclass(frozen=True)
class Encoded:
    """The tables by number. Row 0 of `policies` is not used; page 0 is all class 0, for which there are no verdicts.

    `verdicts` maps to rule and outcome; an outcome is the number of `state.policy.verdicts.Outcome`.
    """

    peers: Mapping[str, PeerRow]
    hosts: Mapping[int, str]
    blocks: Mapping[str, BlockRow]
    policies: tuple[PolicyRow, ...]
    pages: tuple[tuple[int, ...], ...]
    verdicts: Mapping[Verdict, tuple[int, int]]


def policy_address(direction: str, identity: int) -> str:
    """How a policy is called among the logical tables: `ingress/65999`."""
    return f"{direction}/{identity}"


def block_numbers(blocks: Iterable[str]) -> dict[str, int]:
    """The identity of each block: a hash of its text, probed from there, so that it rarely changes with the others."""
    numbers: dict[str, int] = {}
    taken: set[int] = set()
    for block in sorted(set(blocks), key=_block_order):
        if block in WORLD:
            numbers[block] = WORLD[block]
            continue
        start = int.from_bytes(hashlib.sha256(block.encode()).digest()[:3], "big")
        number = next(
            number for step in range(LOCAL_SCOPE) if (number := (start + step) % LOCAL_SCOPE) and number not in taken
        )
        taken.add(number)
        numbers[block] = LOCAL_SCOPE | number
    return numbers


def _block_order(block: str) -> tuple[int, int, int]:
    network = ip_network(block)
    return network.version, network.prefixlen, int(network.network_address)
