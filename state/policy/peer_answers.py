"""BOTH SIDES: what a policy answers when it is asked about a peer: the datapath's decision, for all ports at once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Set
from functools import cached_property
from typing import Optional

from state.policy.cuts import ByProtocol, Cut, Cuts, by_peer, joined, over, ranges
from state.policy.rules import LAST, NOT_ISOLATED, PROTOCOLS
from state.policy.tables import ANY
from state.policy.verdicts import Outcome, Policy

CLOSED: ByProtocol = {}
OPEN: ByProtocol = {protocol: ((0, LAST[protocol], (Outcome.ALLOW, NOT_ISOLATED)),) for protocol in PROTOCOLS}


class Answers:
    """A policy, opened when it is first asked; no policy isolates nobody. Equal answers are one object."""

    def __init__(self, policy: Optional[Policy]) -> None:
        self.policy = policy
        self.by_block = policy is not None and policy.by_block
        self._asked: dict[object, ByProtocol] = {}

    @cached_property
    def _said(self) -> Mapping[str, ByProtocol]:
        return {ANY: OPEN} if self.policy is None else by_peer(self.policy)

    @cached_property
    def base(self) -> ByProtocol:
        """What it says to a peer of whom it does not speak."""
        return self._said.get(ANY, CLOSED)

    def of(self, peer: str) -> ByProtocol:
        """What it says to a peer by its name alone: its own entries, and everyone's where it has none."""
        own = self._said.get(peer)
        if own is None:
            return self.base
        if peer not in self._asked:
            self._asked[peer] = {
                protocol: over(own.get(protocol, ()), self.base.get(protocol, ()))
                for protocol in PROTOCOLS
                if protocol in own or protocol in self.base
            }
        return self._asked[peer]

    def at(self, peer: str, block: str) -> ByProtocol:
        """What it says to an endpoint at an address: by its identity and, where blocks mean endpoints too, by block."""
        if not self.by_block or peer == block:
            return self.of(peer)
        key = peer, block
        if key not in self._asked:
            sides = self.of(peer), self.of(block)
            self._asked[key] = {
                protocol: joined(_together(*(side.get(protocol, ()) for side in sides))) for protocol in PROTOCOLS
            }
        return self._asked[key]

    @property
    def names(self) -> Set[str]:
        """The peers of whom it speaks by name: identities and blocks, and `any`."""
        return self._said.keys()


def _together(identity: Cuts, block: Cuts) -> Iterator[Cut]:
    """Two probes: denied where one denies, else allowed where one allows."""
    for first, last, answers in ranges((identity, block)):
        spoken = [answer for answer in answers if answer is not None]
        denied = [answer for answer in spoken if answer[0] is Outcome.DENY]
        if spoken:
            yield first, last, (denied or spoken)[0]
