"""The datapath's decision as a function over encoded tables: what the programs must do, step by step."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import ip_address, ip_network

from state.policy.labels import FIRST_IDENTITY, WORLD
from state.policy.rules import DEFAULT_DENY, NOT_ISOLATED, PROTOCOLS
from state.policy.tables import PAGES, BlockRow, Encoded
from state.policy.verdicts import Outcome


@dataclass(frozen=True)
class Decision:
    """What the tables of one host say about one direction, and the number of the rule that decided."""

    allowed: bool
    rule: int


def look_up(encoded: Encoded, direction: str, subject: str, peer: str, protocol: str, port: int) -> Decision:
    """May this flow begin, for the subject's policy? `subject` and `peer` are addresses; ICMP types are ports."""
    row = encoded.peers[subject]
    number = row.ingress if direction == "ingress" else row.egress
    known = encoded.peers.get(peer)
    block = narrowest(encoded.blocks, peer)
    if known is None and block.endpoints:
        return Decision(False, DEFAULT_DENY)  # inside ranges.endpoints, and no endpoint has it
    if number == 0:
        return Decision(True, NOT_ISOLATED)
    policy = encoded.policies[number]
    page = policy.page[PROTOCOLS.index(protocol) * PAGES + (port >> 8)]
    port_class = encoded.pages[page][port & 255]
    identity = block.identity if known is None else known.identity
    asked = [identity]
    if policy.by_block and known is not None and identity >= FIRST_IDENTITY:
        asked.append(block.identity)  # an endpoint's narrowest block too; hosts have none
    found = [
        verdict
        for name in asked
        if (verdict := encoded.verdicts.get((name, number, port_class), encoded.verdicts.get((0, number, port_class))))
    ]
    for outcome in (Outcome.DENY, Outcome.ALLOW):
        for rule, value in found:
            if value == outcome.value:
                return Decision(outcome is Outcome.ALLOW, rule)
    return Decision(False, DEFAULT_DENY)


def narrowest(blocks: Mapping[str, BlockRow], address: str) -> BlockRow:
    """The block with the longest prefix around an address, as a trie finds it; none: the world."""
    wanted = ip_address(address)
    best, length = BlockRow(WORLD, False), -1
    for text, row in blocks.items():
        network = ip_network(text)
        if network.version == wanted.version and network.prefixlen > length and wanted in network:
            best, length = row, network.prefixlen
    return best
