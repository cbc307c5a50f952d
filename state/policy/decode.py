"""BOTH SIDES: policy tables from numbers back to meaning, and what nobody meant: strays, orphans, changed numbers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from state.policy.rules import LAST, PROTOCOLS
from state.policy.segments import order
from state.policy.tables import (
    ANY,
    PAGES,
    Block,
    Encoded,
    Logical,
    Peer,
    PeerRow,
    Tunnel,
    block_numbers,
    policy_address,
)
from state.policy.verdicts import Entry, Outcome, Policy

Run = tuple[int, int, int]
"""Ports first..last and their class."""
Said = tuple[str, Outcome, int]
"""Peer, outcome and rule of a verdict."""


def decode(encoded: Encoded) -> Logical:
    """The tables by meaning.

    Policies nobody refers to are called `orphan/NUMBER`, verdicts that no port can reach `stray/POLICY/CLASS`. Neither
    is ever wanted, so both are differences.
    """
    expected = block_numbers(encoded.blocks)
    blocks = {
        text: Block(row.endpoints, "" if row.identity == expected[text] else str(row.identity))
        for text, row in encoded.blocks.items()
    }
    names = {number: text for text, number in expected.items()}
    found, strays = _policies(encoded, names)
    peers, policies = _subjects(encoded.peers, found)
    tunnels = {str(number): Tunnel(underlay) for number, underlay in encoded.hosts.items()}
    return Logical(peers, tunnels, blocks, {**policies, **strays})


def _policies(encoded: Encoded, names: Mapping[int, str]) -> tuple[dict[int, Policy], dict[str, Policy]]:
    """Every policy by number, and the verdicts that belong to none."""
    said: dict[int, dict[int, list[Said]]] = {}
    strays: dict[str, list[Entry]] = {}
    known = {outcome.value: outcome for outcome in Outcome}
    for (identity, policy, port_class), (rule, outcome) in encoded.verdicts.items():
        peer = ANY if identity == 0 else names.get(identity, str(identity))
        if outcome in known:
            said.setdefault(policy, {}).setdefault(port_class, []).append((peer, known[outcome], rule))
        else:  # nothing that netctl writes: the datapath denies
            strays.setdefault(f"stray/{policy}/{port_class}", []).append(_stray(peer, Outcome.DENY, rule))
    inside = [_page_runs(page) for page in encoded.pages]
    joined: dict[tuple[int, ...], list[Run]] = {}
    policies: dict[int, Policy] = {}
    for number, row in enumerate(encoded.policies):
        if number == 0:
            continue
        classes = said.pop(number, {})
        entries: list[Entry] = []
        for place, protocol in enumerate(PROTOCOLS):
            pages = row.page[place * PAGES : (place + 1) * PAGES]
            if pages not in joined:
                joined[pages] = _runs(pages, inside)
            entries += _entries(protocol, joined[pages], classes)
        policies[number] = Policy(row.by_block, tuple(sorted(entries, key=order)))
        reached = {run[2] for place in range(len(PROTOCOLS)) for run in joined[_part(row.page, place)]}
        _note(strays, number, {key: items for key, items in classes.items() if key not in reached})
    for number, classes in said.items():
        _note(strays, number, classes)
    return policies, {name: Policy(False, tuple(sorted(items, key=order))) for name, items in strays.items()}


def _part(page: tuple[int, ...], place: int) -> tuple[int, ...]:
    return page[place * PAGES : (place + 1) * PAGES]


def _note(strays: dict[str, list[Entry]], number: int, classes: Mapping[int, Iterable[Said]]) -> None:
    for port_class, items in classes.items():
        for peer, outcome, rule in items:
            strays.setdefault(f"stray/{number}/{port_class}", []).append(_stray(peer, outcome, rule))


def _stray(peer: str, outcome: Outcome, rule: int) -> Entry:
    return Entry(peer, PROTOCOLS[0], 0, 0, outcome, rule)


def _page_runs(page: tuple[int, ...]) -> list[Run]:
    runs: list[Run] = []
    for port, port_class in enumerate(page):
        if runs and runs[-1][2] == port_class:
            runs[-1] = (runs[-1][0], port, port_class)
        else:
            runs.append((port, port, port_class))
    return runs


def _runs(pages: tuple[int, ...], inside: list[list[Run]]) -> list[Run]:
    """The ports of one protocol by class, runs that touch made one."""
    runs: list[Run] = []
    for place, page in enumerate(pages):
        for first, last, port_class in inside[page] if page < len(inside) else ((0, PAGES - 1, 0),):
            low, high = place << 8 | first, place << 8 | last
            if runs and runs[-1][2] == port_class:
                runs[-1] = (runs[-1][0], high, port_class)
            else:
                runs.append((low, high, port_class))
    return runs


def _entries(protocol: str, runs: list[Run], classes: Mapping[int, list[Said]]) -> list[Entry]:
    """What all peers are told on one protocol; touching ranges that say the same are one entry."""
    last: dict[str, Entry] = {}
    done: list[Entry] = []
    for first, end, port_class in runs:
        for peer, outcome, rule in classes.get(port_class, ()):
            before = last.get(peer)
            if before is not None and (before.last + 1, before.outcome, before.rule) == (first, outcome, rule):
                last[peer] = Entry(peer, protocol, before.first, end, outcome, rule)
                continue
            if before is not None:
                done.append(before)
            last[peer] = Entry(peer, protocol, first, end, outcome, rule)
    assert LAST[protocol] <= 65535
    return done + list(last.values())


def _subjects(rows: Mapping[str, PeerRow], found: Mapping[int, Policy]) -> tuple[dict[str, Peer], dict[str, Policy]]:
    """Peers and their policies. Endpoints of one identity have the same policies: where one differs, it was changed."""
    first: dict[int, tuple[int, int]] = {}
    for _, row in sorted(rows.items()):
        if row.endpoint:
            first.setdefault(row.identity, (row.ingress, row.egress))
    policies: dict[str, Policy] = {}
    for identity, numbers in first.items():
        for direction, number in zip(("ingress", "egress"), numbers):
            if number in found:
                policies[policy_address(direction, identity)] = found[number]
    peers: dict[str, Peer] = {}
    for address, row in rows.items():
        numbers = (row.ingress, row.egress)
        usual = first[row.identity] if row.endpoint else (0, 0)
        lost = any(number and number not in found for number in numbers)
        drift = f"ingress {row.ingress}, egress {row.egress}" if numbers != usual or lost else ""
        peers[address] = Peer(row.identity, row.host, row.endpoint, drift)
    used = {number for numbers in first.values() for number in numbers}
    for number, policy in found.items():
        if number not in used and policy != Policy(False, ()):
            policies[f"orphan/{number}"] = policy
    return peers, policies
