"""BOTH SIDES: the policy of a fleet on its way from one to another: nothing passes that either of the two denies.

Hosts move one after the other, and a flow is judged at both ends. If the old policy denies it at one end and the new
one at the other, a mixed fleet would let it pass. So every host first enforces old *and* new, and only then new alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import ip_network
from typing import Optional

from state.policy.cuts import Answer, Cut, Cuts, by_peer, joined, over, ranges
from state.policy.grants import Prefix, prefix, shorter
from state.policy.rules import DEFAULT_DENY, LAST, NOT_ISOLATED, PROTOCOLS
from state.policy.segments import order
from state.policy.tables import ANY
from state.policy.verdicts import Entry, Outcome, Policy

OPEN = Policy(
    False,
    tuple(Entry(ANY, protocol, 0, LAST[protocol], Outcome.ALLOW, NOT_ISOLATED) for protocol in PROTOCOLS),
)


@dataclass(frozen=True)
class Known:
    """What a generation knows: the identities its endpoints have, and blocks with whether they lie in the ranges."""

    identities: frozenset[int]
    blocks: Mapping[str, bool]


def tighten(
    old: Optional[Policy],
    new: Optional[Policy],
    before: Optional[Known] = None,
    after: Optional[Known] = None,
    blocks: Iterable[str] = (),
) -> Optional[Policy]:
    """The policy that allows only what both allow; None is a subject that is not isolated.

    Of an identity that only one of them knows, that one decides alone. A block that one does not know is judged there
    as the next wider one is; `blocks` are further ones that the host knows. Where an endpoint is allowed by identity in
    one and only by address (ipBlock) in the other, it is denied meanwhile: the tables cannot say both; denying is safe.
    """
    if old is None and new is None:
        return None
    sides = [_Side(old or OPEN, before), _Side(new or OPEN, after)]
    every_block = sorted({*blocks, *(block for side in sides for block in side.blocks)})
    nobody: frozenset[str] = frozenset()
    only = [sides[place].identities - sides[1 - place].identities if before and after else nobody for place in (0, 1)]
    named = sides[0].named | sides[1].named | only[0] | only[1]
    made: dict[object, list[tuple[str, Cut]]] = {}
    found: list[Entry] = []
    base = {protocol: _both(side.base.get(protocol, ()) for side in sides) for protocol in PROTOCOLS}
    for peer in (ANY, *sorted(named), *every_block):
        asked = [side for place, side in enumerate(sides) if peer not in only[1 - place]]
        own = tuple(side.of(peer) for side in asked)
        key = peer == ANY, tuple(id(side) for side in asked), own
        if key not in made:
            made[key] = list(_entries(own, asked, base, peer == ANY))
        found += [Entry(peer, protocol, cut[0], cut[1], *_said(cut[2])) for protocol, cut in made[key]]
    return Policy(any(side.policy.by_block for side in sides), tuple(sorted(found, key=order)))


def as_moved(policy: Policy, moves: Mapping[int, frozenset[int]]) -> Policy:
    """`policy`, saying of an identity that moves what it says of where its endpoints go: allowed where one is.

    Until a host has switched, an endpoint still comes with the identity it had.
    """
    side = _Side(policy, None)
    going = {
        str(peer): sorted(map(str, targets))
        for peer, targets in moves.items()
        if targets not in (frozenset({peer}), frozenset())
    }
    found = [entry for entry in policy.entries if entry.peer not in going]
    for peer in sorted(going):
        for protocol in PROTOCOLS:
            base = side.base.get(protocol, ())
            told = _one_of(over(side.of(target).get(protocol, ()), base) for target in going[peer])
            found += [Entry(peer, protocol, cut[0], cut[1], *_said(cut[2])) for cut in _differing(told, base)]
    return Policy(policy.by_block, tuple(sorted(found, key=order)))


def retain(new: Policy, kept: Policy, peers: Iterable[str]) -> Policy:
    """`new`, but of these peers, which it does not know, what `kept` says: hosts that have not moved still use them."""
    sides = _Side(new, None), _Side(kept, None)
    retained = sorted(set(peers))
    found = [entry for entry in new.entries if entry.peer not in retained]
    for peer in retained:
        own = sides[1].of(peer)
        for protocol in PROTOCOLS:
            told = over(own.get(protocol, ()), sides[1].base.get(protocol, ()))
            cuts = _differing(told, sides[0].base.get(protocol, ()))
            found += [Entry(peer, protocol, cut[0], cut[1], *_said(cut[2])) for cut in cuts]
    return Policy(new.by_block, tuple(sorted(found, key=order)))


def _said(answer: Answer) -> tuple[Outcome, int]:
    return (Outcome.DENY, DEFAULT_DENY) if answer is None else answer


def _entries(
    own: Sequence[Mapping[str, Cuts]], asked: Sequence[_Side], base: Mapping[str, Cuts], everyone: bool
) -> Iterator[tuple[str, Cut]]:
    """What a peer needs entries for: where it differs from what everyone is told."""
    for protocol in PROTOCOLS:
        told = _both(over(cuts.get(protocol, ()), side.base.get(protocol, ())) for cuts, side in zip(own, asked))
        for cut in told if everyone else _differing(told, base[protocol]):
            yield protocol, cut


class _Side:
    """One of the two policies, opened for asking."""

    def __init__(self, policy: Policy, known: Optional[Known]) -> None:
        self.policy = policy
        self._cuts = by_peer(policy)
        self.base = self._cuts.get(ANY, {})
        mentioned = {peer: False for peer in self._cuts if "/" in peer}
        self.blocks: Mapping[str, bool] = mentioned if known is None else known.blocks
        self.named = {peer for peer in self._cuts if peer.isdigit()}
        self.identities = frozenset(str(number) for number in (known.identities if known else ()))
        self._around: dict[Prefix, str] = {prefix(ip_network(block)): block for block in self.blocks}

    def of(self, peer: str) -> _Hashable:
        """What is said of a peer alone; of an unknown block, what is said of the next wider one."""
        return _Hashable(self._cuts.get(self._nearest(peer) if "/" in peer else peer, {}) if peer != ANY else {})

    def _nearest(self, block: str) -> str:
        wanted = prefix(ip_network(block))
        for length in range(wanted[1], -1, -1):
            if (found := self._around.get(shorter(wanted, length))) is not None:
                return found
        return block


class _Hashable(dict[str, Cuts]):
    """Cuts by protocol; equal ones are one key."""

    def __hash__(self) -> int:  # type: ignore[override]
        return hash(tuple(self.items()))


def _both(lists: Iterable[Cuts]) -> Cuts:
    """Denied where one denies, allowed where all allow, and nothing else is said. The last one's rule is named."""
    sides = tuple(lists)
    found: list[Cut] = []
    for first, last, answers in ranges(sides):
        denied = [answer for answer in answers if answer is not None and answer[0] is Outcome.DENY]
        if denied:
            found.append((first, last, denied[-1]))
        elif all(answers):
            found.append((first, last, answers[-1]))
    return joined(found)


def _one_of(lists: Iterable[Cuts]) -> Cuts:
    """Allowed where one allows, denied where one denies and none allows."""
    found: list[Cut] = []
    for first, last, answers in ranges(tuple(lists)):
        spoken = [answer for answer in answers if answer is not None]
        allowed = [answer for answer in spoken if answer[0] is Outcome.ALLOW]
        if spoken:
            found.append((first, last, (allowed or spoken)[0]))
    return joined(found)


def _differing(told: Cuts, base: Cuts) -> Cuts:
    """Where the outcome for a peer is another than for everyone."""
    found: list[Cut] = []
    for first, last, (own, common) in ranges((told, base)):
        allowed = own is not None and own[0] is Outcome.ALLOW
        if own is not None and (common is None or own[0] is not common[0]):
            found.append((first, last, own))
        elif not allowed and common is not None and common[0] is Outcome.ALLOW:
            found.append((first, last, None))
    return joined(found)
