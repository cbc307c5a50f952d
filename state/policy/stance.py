"""BOTH SIDES: what endpoints enforce in one direction before and after a plan, and to whom they answer otherwise.

Sets of endpoints are integers, a bit for each: thousands are joined and told apart in one operation.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Optional

from state.policy.cuts import ByProtocol
from state.policy.grants import Prefix
from state.policy.labels import FIRST_IDENTITY
from state.policy.narrowest import Blocks
from state.policy.peer_answers import CLOSED, Answers
from state.policy.tables import ANY
from state.problem import Source

Told = tuple[int, ByProtocol, ByProtocol]
"""Some endpoints, and what they are told before and after."""


@dataclass(frozen=True)
class Member:
    """An endpoint by its bit, with its addresses by IP version."""

    bit: int
    addresses: Mapping[int, Prefix]


class Group:
    """Endpoints that everybody knows by one identity, before and after, and that enforce the same; no value: it grows.

    `identity` is the one after; `seen` by IP version those before, one for each view of the fleet (0: not known).
    """

    def __init__(self, identity: int, seen: Mapping[int, tuple[int, ...]]) -> None:
        self.identity = identity
        self.seen = seen
        self.members: list[Member] = []

    @cached_property
    def bits(self) -> int:
        """All members."""
        return sum(member.bit for member in self.members)

    @cached_property
    def names(self) -> frozenset[int]:
        """The identities that anybody knows them by, before or after."""
        return frozenset({self.identity, *(number for numbers in self.seen.values() for number in numbers)})


class Stance:
    """The policy of some groups in one direction, `before` and `after`; no value: groups join it.

    `blocks` and `view` are what their hosts know of addresses. Where `known` is False nobody could tell what they
    enforce, and nothing is said against them. `place` is the line that isolates them.
    """

    def __init__(
        self,
        before: Answers,
        after: Answers,
        blocks: tuple[Blocks, Blocks],
        view: int,
        known: bool,
        place: Optional[Source],
    ) -> None:
        self.before, self.after = before, after
        self.blocks, self.view = blocks, view
        self.known, self.place = known, place
        self.groups: list[Group] = []

    @property
    def changes(self) -> bool:
        """Whether the policy may say something else afterwards, to whoever is known as before."""
        return self.before is not self.after or (self.by_block and self.blocks[0] is not self.blocks[1])

    @property
    def by_block(self) -> bool:
        """Whether endpoints are judged by their addresses, too."""
        return self.before.by_block or self.after.by_block

    @cached_property
    def moves(self) -> bool:
        """Whether anybody of them gets another identity."""
        return any(len(group.names) > 1 for group in self.groups)

    @cached_property
    def is_even(self) -> bool:
        """Whether both families are alike to it and of it: no address makes a difference, everybody has two."""
        seen = (group.seen for group in self.groups)
        alike = all(len(found) == 2 and found[4] == found[6] for found in seen)
        return alike and not self.by_block and not self.has_strangers

    @cached_property
    def has_strangers(self) -> bool:
        """Whether somebody did not know one of them at all, by any identity."""
        return any(0 in group.names for group in self.groups)

    @cached_property
    def speaks(self) -> bool:
        """Whether it answers to some peers otherwise than to all."""
        return self.by_block or bool(self._names) or self.before is not self.after

    def bits(self, version: int) -> int:
        """Everybody in it who has an address of a family."""
        return self._bits.get(version, 0)

    def divide(self, crowd: Stance, version: int) -> list[Told]:
        """Those of another stance, by what they are told by this one."""
        rest = crowd.bits(version)
        parts: dict[tuple[int, int], Told] = {}
        for group in crowd.groups if self.by_block else crowd.known_as(self._names):
            if version in group.seen:
                rest &= ~group.bits
                for bits, before, after in self._tell(group, version):
                    key = id(before), id(after)
                    parts[key] = (parts[key][0] | bits if key in parts else bits), before, after
        if rest:
            before, after = self.before.base, self.after.base
            key = id(before), id(after)
            parts[key] = (parts[key][0] | rest if key in parts else rest), before, after
        return list(parts.values())

    def known_as(self, names: Collection[int]) -> Iterable[Group]:
        """The groups of which one of these identities is a name, and those whom somebody does not know."""
        if len(names) < len(self._index):
            found = [group for name in (0, *names) for group in self._index.get(name, ())]
        else:
            found = [group for name, groups in self._index.items() if name == 0 or name in names for group in groups]
        return dict.fromkeys(found) if self.moves else found

    def _tell(self, group: Group, version: int) -> Iterator[Told]:
        was = group.seen[version][self.view]
        if was and not self.by_block:
            yield group.bits, self.before.of(str(was)), self.after.of(str(group.identity))
            return
        for member in group.members:
            address = member.addresses[version]
            yield (
                member.bit,
                _told(self.before, self.blocks[0], was, address),
                _told(self.after, self.blocks[1], group.identity, address),
            )

    @cached_property
    def _names(self) -> frozenset[int]:
        names = self.before.names | self.after.names
        return frozenset(int(name) for name in names if name != ANY and "/" not in name)

    @cached_property
    def _index(self) -> Mapping[int, list[Group]]:
        found: dict[int, list[Group]] = {}
        for group in self.groups:
            for name in group.names:
                found.setdefault(name, []).append(group)
        return found

    @cached_property
    def _bits(self) -> Mapping[int, int]:
        found: dict[int, int] = {}
        for group in self.groups:
            for version in group.seen:
                found[version] = found.get(version, 0) | group.bits
        return found


def _told(policy: Answers, blocks: Blocks, identity: int, address: Prefix) -> ByProtocol:
    """What a policy says to an address, of which the host knows the identity or not."""
    if identity and not (policy.by_block and identity >= FIRST_IDENTITY):
        return policy.of(str(identity))
    block, nobody = blocks.around(address)
    if identity:
        return policy.at(str(identity), block)
    return CLOSED if nobody else policy.of(block)
