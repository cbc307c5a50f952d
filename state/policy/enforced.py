"""BOTH SIDES: what each host of a fleet decides by, before the changes of a plan and after them.

After is what the manifest means. Before is that with the changes taken back: a change carries what was read from the
host's live tables, and what no change speaks of was found to be as it should be.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Optional

from state.change import Change
from state.cluster import Cluster
from state.policy.compiler import compile_policies
from state.policy.narrowest import Blocks
from state.policy.peer_answers import Answers
from state.policy.tables import Block, Peer, policy_address
from state.policy.verdicts import Policy
from state.problem import Source

Changes = Sequence[Change]
NOBODY_ISOLATED = Answers(None)


@dataclass(frozen=True)
class Tables:
    """The tables of a host at one time: policies by address, and blocks."""

    policies: Mapping[str, Answers]
    blocks: Blocks

    def of(self, direction: str, identity: int) -> Answers:
        """The policy of a subject."""
        return self.policies.get(policy_address(direction, identity), NOBODY_ISOLATED)

    def numbered(self, number: int) -> Optional[Answers]:
        """The policy with a number that belongs to no subject; None: nobody can tell which it is."""
        return self.policies.get(f"orphan/{number}") if number else NOBODY_ISOLATED


@dataclass(frozen=True)
class Enforced:
    """One host. `peers` are the entries of `addresses` that change, as they were; `places` say who wants a policy."""

    before: Tables
    after: Tables
    peers: Mapping[str, Optional[Peer]] = field(default_factory=dict[str, Optional[Peer]])
    places: Mapping[tuple[str, int], Source] = field(default_factory=dict[tuple[str, int], Source])


def enforced(cluster: Cluster, changes: Mapping[str, Changes]) -> dict[str, Enforced]:
    """What each host that was asked enforces. Equal policies are one object, on however many hosts."""
    shelf = _Shelf()
    return {host: _of_host(cluster, host, items, shelf) for host, items in sorted(changes.items())}


class _Shelf:
    """Policies and blocks, each value once."""

    def __init__(self) -> None:
        self._compiled: dict[int, Answers] = {}
        self._found: dict[Policy, Answers] = {}
        self._blocks: dict[frozenset[tuple[str, Block]], Blocks] = {}

    def compiled(self, policy: Policy) -> Answers:
        """A policy of the compiler's, which gives equal subjects the same object."""
        if id(policy) not in self._compiled:
            self._compiled[id(policy)] = Answers(policy)
        return self._compiled[id(policy)]

    def found(self, policy: Policy) -> Answers:
        """A policy that was read from a host."""
        if policy not in self._found:
            self._found[policy] = Answers(policy)
        return self._found[policy]

    def blocks(self, blocks: Mapping[str, Block]) -> Blocks:
        """A table of blocks."""
        return self._blocks.setdefault(frozenset(blocks.items()), Blocks(blocks))


def _of_host(cluster: Cluster, host: str, changes: Changes, shelf: _Shelf) -> Enforced:
    compiled = compile_policies(cluster, host)
    policies = {policy_address(*key): shelf.compiled(policy) for key, policy in compiled.policies.items()}
    blocks = {text: Block(inside) for text, inside in compiled.blocks.items()}
    after = Tables(policies, shelf.blocks(blocks))
    by_kind: dict[str, list[Change]] = {}
    for change in changes:
        by_kind.setdefault(change.kind, []).append(change)
    were = {change.address: change.before for change in by_kind.get("policy", ())}
    old = {address: item for address, item in policies.items() if address not in were}
    old.update((address, shelf.found(item)) for address, item in were.items() if isinstance(item, Policy))
    moved = by_kind.get("block")
    before = Tables(old, shelf.blocks(_blocks_before(blocks, moved)) if moved else after.blocks)
    peers = {
        change.address: change.before if isinstance(change.before, Peer) else None for change in by_kind.get("peer", ())
    }
    return Enforced(before, after, peers, compiled.sources)


def _blocks_before(after: Mapping[str, Block], changes: Iterable[Change]) -> Mapping[str, Block]:
    found = dict(after)
    for change in changes:
        found.pop(change.address, None)
        if isinstance(change.before, Block):
            found[change.address] = change.before
    return found
