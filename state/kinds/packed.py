"""BOTH SIDES: policy tables between numbers and the bytes of the maps. What the numbers mean: `state.policy.tables`."""

from __future__ import annotations

import struct
from _socket import AF_INET, AF_INET6, inet_ntop
from collections.abc import Iterable, Mapping
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Union

from bpf import layout
from bpf.layout import BlockFlags, PolicyFlags
from state.kernel_bpf import Table
from state.policy.rules import PROTOCOLS
from state.policy.tables import PAGES, BlockRow, Encoded, PeerRow, PolicyRow

_MAPPED = bytes(10) + b"\xff\xff"
_COMPATIBLE = bytes(12)
_NOBODY = bytes(16)


def pack(encoded: Encoded) -> dict[str, dict[bytes, bytes]]:
    """The tables as bytes. Arrays are written out from 0 to their last row."""
    return {
        "addresses": {
            octets(text): layout.Peer(row.identity, row.host, row.endpoint, row.ingress, row.egress, 0).pack()
            for text, row in encoded.peers.items()
        },
        "hosts": _array(
            layout.Host(layout.Address(octets(encoded.hosts[number]) if number in encoded.hosts else _NOBODY)).pack()
            for number in range(max(encoded.hosts, default=0) + 1)
        ),
        "blocks": {
            _block_key(text): layout.Block(row.identity, BlockFlags.BLOCK_ENDPOINTS if row.endpoints else 0).pack()
            for text, row in encoded.blocks.items()
        },
        "policies": _array(
            layout.Policy(row.page, PolicyFlags.POLICY_BY_BLOCK if row.by_block else 0).pack()
            for row in encoded.policies
        ),
        "pages": _array(layout.Page(page).pack() for page in encoded.pages),
        "verdicts": {
            layout.VerdictKey(identity, policy, port_class).pack(): layout.Verdict(rule, outcome).pack()
            for (identity, policy, port_class), (rule, outcome) in encoded.verdicts.items()
        },
    }


def unpack(tables: Mapping[str, Table]) -> Encoded:
    """The numbers in the tables, whoever wrote them."""
    peers = {key: layout.Peer.unpack(raw) for key, raw in tables.get("addresses", {}).items()}
    blocks = {key: layout.Block.unpack(raw) for key, raw in tables.get("blocks", {}).items()}
    verdicts = {
        layout.VerdictKey.unpack(key): layout.Verdict.unpack(raw) for key, raw in tables.get("verdicts", {}).items()
    }
    return Encoded(
        {
            text_of(key): PeerRow(row.identity, row.host, row.endpoint, row.ingress, row.egress)
            for key, row in peers.items()
        },
        {number: text_of(raw) for number, raw in enumerate(_rows(tables.get("hosts", {}), _NOBODY)) if raw != _NOBODY},
        {
            _block_text(key): BlockRow(row.identity, bool(row.flags & BlockFlags.BLOCK_ENDPOINTS))
            for key, row in blocks.items()
        },
        tuple(
            PolicyRow(row.page, bool(row.flags & PolicyFlags.POLICY_BY_BLOCK))
            for row in map(layout.Policy.unpack, _rows(tables.get("policies", {}), _NO_POLICY))
        ),
        tuple(layout.Page.unpack(raw).class_ for raw in _rows(tables.get("pages", {}), _NO_PAGE)),
        {(key.identity, key.policy, key.class_): (row.rule, row.outcome) for key, row in verdicts.items()},
    )


_NO_POLICY = layout.Policy((0,) * (len(PROTOCOLS) * PAGES), 0).pack()
_NO_PAGE = layout.Page((0,) * PAGES).pack()


def _array(rows: Iterable[bytes]) -> dict[bytes, bytes]:
    return {struct.pack("<I", number): row for number, row in enumerate(rows)}


def _rows(table: Table, empty: bytes) -> list[bytes]:
    """The rows of an array in order, `empty` where one is missing."""
    by_number = {int.from_bytes(key, "little"): raw for key, raw in table.items()}
    return [by_number.get(number, empty) for number in range(max(by_number, default=-1) + 1)]


def octets(text: str) -> bytes:
    """An address as the datapath has it: 16 octets, IPv4 as ::ffff:a.b.c.d."""
    address = ip_address(text)
    return address.packed if address.version == 6 else _MAPPED + address.packed


def text_of(packed: bytes) -> str:
    """The address that 16 octets stand for."""
    if packed.startswith(_MAPPED):
        return inet_ntop(AF_INET, packed[12:])
    if packed.startswith(_COMPATIBLE):  # which C writes with dots, and Python does not
        return str(IPv6Address(packed))
    return inet_ntop(AF_INET6, packed)


def _block_key(text: str) -> bytes:
    network = ip_network(text)
    length = network.prefixlen + (96 if network.version == 4 else 0)
    return layout.BlockKey(length, octets(str(network.network_address))).pack()


def _block_text(packed: bytes) -> str:
    key = layout.BlockKey.unpack(packed)
    network: Union[IPv4Network, IPv6Network]
    if key.prefixlen >= 96 and key.address[:12] == _MAPPED:
        network = IPv4Network((key.address[12:], key.prefixlen - 96), strict=False)
    else:
        network = IPv6Network((key.address, key.prefixlen), strict=False)
    return str(network)
