"""BOTH SIDES: policy tables from meaning to numbers: ports become classes, classes fill pages."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from itertools import groupby

from state.policy.rules import PROTOCOLS
from state.policy.tables import (
    ANY,
    PAGES,
    BlockRow,
    Encoded,
    Logical,
    PeerRow,
    PolicyRow,
    Verdict,
    block_numbers,
    policy_address,
)
from state.policy.verdicts import Outcome, Policy

Saying = tuple[int, Outcome, int]
"""What a group of alike peers has in a range of ports: group, outcome, rule."""
Run = tuple[int, int, int]
"""Ports first..last and their class."""

_ALIKE: dict[int, tuple[int, ...]] = {}


def encode(logical: Logical) -> Encoded:
    """The tables by number. Policies of identities without a peer on this host are not needed, and left out."""
    local = {peer.identity for peer in logical.peers.values() if peer.endpoint}
    numbers = block_numbers(logical.blocks)
    ordered: dict[Policy, int] = {}
    same: dict[int, int] = {}  # the compiler gives equal subjects one object: hashing each once is enough
    by_subject: dict[str, int] = {}
    for address in sorted(_subjects(logical.policies, local)):
        policy = logical.policies[address]
        if id(policy) not in same:
            same[id(policy)] = ordered.setdefault(policy, len(ordered) + 1)
        by_subject[address] = same[id(policy)]
    pages: dict[tuple[int, ...], int] = {(0,) * PAGES: 0}
    verdicts: dict[Verdict, tuple[int, int]] = {}
    rows = [PolicyRow((0,) * (len(PROTOCOLS) * PAGES), False)]
    for policy, number in ordered.items():
        rows.append(_policy(policy, number, numbers, pages, verdicts))
    return Encoded(
        {
            address: _peer(peer.identity, peer.host, peer.endpoint, by_subject)
            for address, peer in logical.peers.items()
        },
        {int(number): tunnel.underlay for number, tunnel in logical.tunnels.items()},
        {text: BlockRow(numbers[text], block.endpoints) for text, block in logical.blocks.items()},
        tuple(rows),
        tuple(pages),
        verdicts,
    )


def _subjects(policies: Mapping[str, Policy], local: set[int]) -> Iterator[str]:
    for address in policies:
        direction, _, identity = address.partition("/")
        if direction in ("ingress", "egress") and int(identity) in local:
            yield address


def _peer(identity: int, host: int, endpoint: int, by_subject: Mapping[str, int]) -> PeerRow:
    if not endpoint:
        return PeerRow(identity, host, endpoint)
    ingress, egress = (by_subject.get(policy_address(direction, identity), 0) for direction in ("ingress", "egress"))
    return PeerRow(identity, host, endpoint, ingress, egress)


def _policy(
    policy: Policy,
    number: int,
    blocks: Mapping[str, int],
    pages: dict[tuple[int, ...], int],
    verdicts: dict[Verdict, tuple[int, int]],
) -> PolicyRow:
    """One policy's row; its pages and verdicts go to the tables it shares with the others."""
    members, sayings = _groups(policy)
    classes: dict[frozenset[Saying], int] = {frozenset(): 0}
    row: list[int] = []
    for protocol in PROTOCOLS:
        row += _row(_runs(sayings.get(protocol, []), classes), lambda page: pages.setdefault(page, len(pages)))
    for signature, port_class in classes.items():
        for group, outcome, rule in signature:
            for peer in members[group]:
                verdicts[_identity(peer, blocks), number, port_class] = (rule, outcome.value)
    return PolicyRow(tuple(row), policy.by_block)


def _identity(peer: str, blocks: Mapping[str, int]) -> int:
    return 0 if peer == ANY else int(peer) if peer.isdigit() else blocks[peer]


def _groups(policy: Policy) -> tuple[list[list[str]], dict[str, list[tuple[int, int, Saying]]]]:
    """Peers that have the very same entries, as groups; and what each group says, by protocol."""
    alike: dict[tuple[tuple[str, int, int, Outcome, int], ...], int] = {}
    members: list[list[str]] = []
    sayings: dict[str, list[tuple[int, int, Saying]]] = {}
    for peer, found in groupby(policy.entries, key=lambda entry: entry.peer):
        lines = tuple((entry.protocol, entry.first, entry.last, entry.outcome, entry.rule) for entry in found)
        if lines in alike:
            members[alike[lines]].append(peer)
            continue
        group = alike[lines] = len(members)
        members.append([peer])
        for protocol, first, last, outcome, rule in lines:
            sayings.setdefault(protocol, []).append((first, last, (group, outcome, rule)))
    return members, sayings


def _runs(sayings: list[tuple[int, int, Saying]], classes: dict[frozenset[Saying], int]) -> list[Run]:
    """Ports of one protocol by class. Ports about which all peers are told the same have one class."""
    edges: dict[int, tuple[list[Saying], list[Saying]]] = {}
    for first, last, saying in sayings:
        edges.setdefault(first, ([], []))[0].append(saying)
        edges.setdefault(last + 1, ([], []))[1].append(saying)
    runs: list[Run] = []
    active: set[Saying] = set()
    start, current = 0, 0
    for edge in sorted(edges):
        if current and start < edge:
            runs.append((start, edge - 1, current))
        begins, ends = edges[edge]
        active.difference_update(ends)
        active.update(begins)
        start, current = edge, classes.setdefault(frozenset(active), len(classes))
    return runs


def _row(runs: list[Run], store: Callable[[tuple[int, ...]], int]) -> list[int]:
    """The 256 page numbers of one protocol."""
    row = [0] * PAGES
    partial: dict[int, list[int]] = {}
    for first, last, port_class in runs:
        for page in range(first >> 8, (last >> 8) + 1):
            low, high = max(first, page << 8) & 255, min(last, page << 8 | 255) & 255
            if high - low == 255:
                row[page] = store(_ALIKE.setdefault(port_class, (port_class,) * PAGES))
            else:
                cells = partial.setdefault(page, [0] * PAGES)
                cells[low : high + 1] = [port_class] * (high - low + 1)
    for page, cells in partial.items():
        row[page] = store(tuple(cells))
    return row
