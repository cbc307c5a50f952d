"""The small world of the packet tests: host alpha with the endpoints web and db, host beta with far, and the rest."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address, ip_network

from bpf.layout import Address as Key
from bpf.layout import Block, BlockKey, Host, Page, Peer, Policy, Verdict, VerdictKey

HOST, WORLD4, WORLD6, REMOTE = 1, 9, 10, 6
WEB, DB, FAR = 65801, 65802, 65803
PARTNER = 1 << 24 | 1
WEB_ID, DB_ID = 1, 2
BETA = 2
ROWS = {6: 0, 17: 1, 132: 2, 1: 3, 58: 4}
HOST_MAC = "0a:6e:00:00:00:01"


@dataclass(frozen=True)
class Family:
    """The addresses of one family."""

    version: int
    web: str
    db: str
    far: str
    nobody: str
    router: str
    host: str
    beta_router: str
    beta: str
    world: str
    partner: str
    other: str
    group: str
    world_identity: int
    icmp: int
    echo: int
    echo_reply: int
    unreachable: int

    def __str__(self) -> str:
        return f"IPv{self.version}"


IPV4 = Family(
    4, "10.42.0.2", "10.42.0.3", "10.42.1.2", "10.42.7.7", "10.42.0.1", "192.0.2.1", "10.42.1.1", "192.0.2.2",
    "203.0.113.9", "198.51.100.7", "10.42.0.9", "224.0.0.5", WORLD4, 1, 8, 0, 3,
)  # fmt: skip
IPV6 = Family(
    6, "fd42::2", "fd42::3", "fd42:0:0:1::2", "fd42:0:0:7::7", "fd42::1", "2001:db8::1", "fd42:0:0:1::1",
    "2001:db8::2", "2001:db8:9::9", "2001:db8:100::7", "fd42::9", "ff02::5", WORLD6, 58, 128, 129, 1,
)  # fmt: skip
WEB_MAC, DB_MAC = "0a:6e:0a:2a:00:02", "0a:6e:0a:2a:00:03"

Line = tuple[int, int, int, int, bool, int]
"""Identity (0: any), protocol, first port, last port, allow, rule id."""


@dataclass(frozen=True)
class Rules:
    """Policies of web and db; None: not isolated. `by_block` are the policies that ask the narrowest block too."""

    web_egress: tuple[Line, ...] | None = None
    web_ingress: tuple[Line, ...] | None = None
    db_egress: tuple[Line, ...] | None = None
    db_ingress: tuple[Line, ...] | None = None
    by_block: tuple[str, ...] = ()
    more_blocks: Mapping[str, int] = field(default_factory=dict[str, int])
    identities: Mapping[str, int] = field(default_factory=dict[str, int])
    without: tuple[str, ...] = ()

    def numbers(self) -> dict[str, int]:
        """The number of each policy that there is."""
        names = ("web_egress", "web_ingress", "db_egress", "db_ingress")
        return {name: at + 1 for at, name in enumerate(names) if getattr(self, name) is not None}


def packed(address: str) -> bytes:
    """An address as a key: IPv4 as ::ffff:a.b.c.d."""
    found = ip_address(address)
    return b"\0" * 10 + b"\xff\xff" + found.packed if found.version == 4 else found.packed


def block_key(block: str) -> bytes:
    """A CIDR block as a key."""
    network = ip_network(block)
    more = 96 if network.version == 4 else 0
    return BlockKey(network.prefixlen + more, packed(str(network.network_address))).pack()


def tables(rules: Rules, underlay: int = 4) -> dict[str, dict[bytes, bytes]]:
    """The six tables of a generation."""
    found: dict[str, dict[bytes, bytes]] = {
        "addresses": {},
        "hosts": {struct.pack("<I", BETA): Host(Key(packed(IPV4.beta if underlay == 4 else IPV6.beta))).pack()},
        "blocks": _blocks(rules),
        "policies": {},
        "pages": {},
        "verdicts": {},
    }
    numbers = rules.numbers()
    for family in (IPV4, IPV6):
        for name, peer in _peers(numbers).items():
            if name not in rules.without:
                identity = rules.identities.get(name, peer.identity)
                value = Peer(identity, peer.host, peer.endpoint, peer.ingress, peer.egress, 0)
                found["addresses"][packed(getattr(family, name))] = value.pack()
    for name, number in numbers.items():
        _compile(found, number, getattr(rules, name), name in rules.by_block)
    return found


def _peers(numbers: Mapping[str, int]) -> dict[str, Peer]:
    return {
        "web": Peer(WEB, 0, WEB_ID, numbers.get("web_ingress", 0), numbers.get("web_egress", 0), 0),
        "db": Peer(DB, 0, DB_ID, numbers.get("db_ingress", 0), numbers.get("db_egress", 0), 0),
        "far": Peer(FAR, BETA, 0, 0, 0, 0),
        "router": Peer(HOST, 0, 0, 0, 0, 0),
        "host": Peer(HOST, 0, 0, 0, 0, 0),
        "beta_router": Peer(REMOTE, BETA, 0, 0, 0, 0),
        "beta": Peer(REMOTE, BETA, 0, 0, 0, 0),
    }


def _blocks(rules: Rules) -> dict[bytes, bytes]:
    blocks = {
        "0.0.0.0/0": Block(WORLD4, 0),
        "::/0": Block(WORLD6, 0),
        "10.42.0.0/16": Block(0, 1),
        "fd42::/48": Block(0, 1),
        "198.51.100.0/24": Block(PARTNER, 0),
        "2001:db8:100::/48": Block(PARTNER, 0),
    }
    for block, identity in rules.more_blocks.items():
        blocks[block] = Block(identity, int(block.startswith(("10.42.", "fd42:"))))
    return {block_key(block): value.pack() for block, value in blocks.items()}


def _compile(found: dict[str, dict[bytes, bytes]], number: int, lines: tuple[Line, ...], by_block: bool) -> None:
    """Naively: a class for each set of lines that a port is in; a page for each upper octet that has one."""
    classes: dict[tuple[Line, ...], int] = {(): 0}
    rows = [0] * (5 * 256)
    pages = found["pages"]
    pages.setdefault(struct.pack("<I", 0), Page((0,) * 256).pack())
    for protocol, row in ROWS.items():
        for upper in range(256):
            mine = [line for line in lines if line[1] == protocol and line[2] >> 8 <= upper <= line[3] >> 8]
            if not mine:
                continue
            page: list[int] = []
            for port in range(upper << 8, (upper + 1) << 8):
                those = tuple(line for line in mine if line[2] <= port <= line[3])
                page.append(classes.setdefault(those, len(classes)))
            at = len(pages)
            pages[struct.pack("<I", at)] = Page(tuple(page)).pack()
            rows[row << 8 | upper] = at
    found["policies"][struct.pack("<I", number)] = Policy(tuple(rows), int(by_block)).pack()
    for those, class_ in classes.items():
        for identity in {line[0] for line in those}:
            complete = [line for line in those if line[0] in (identity, 0)]
            _, _, _, _, allow, rule = min(complete, key=lambda line: line[4])
            key = VerdictKey(identity, number, class_).pack()
            found["verdicts"][key] = Verdict(rule, 1 if allow else 2).pack()
