"""BOTH SIDES: what every kind of thing says of itself. The diff is not written here: see `state.change.diff`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Generic, TypeVar

from state.change import Action, Change, Found, Wanted
from state.cluster import Cluster
from state.facts import Facts, Scope
from state.kernel import Kernel
from state.problem import Problem

V = TypeVar("V")


class Kind(Generic[V]):
    """One kind of thing netctl manages on a host.

    `value` is the frozen dataclass of its values; `fixed` names the fields that cannot change in place; `bulk` kinds
    are compared by digest before their values cross the wire. The order of `state.kinds.KINDS` is the order of
    creation, and reversed the order of deletion. Kinds with the same `together` are made true in one step: one of them
    is given the changes of all, creations and deletions alike, at the place of the last of them. What is `lasting` is
    always there: a plan never creates or deletes it, and destroy restores it. People are not told of a field that is
    `usual` when a thing comes or goes.
    """

    name: str
    value: type[V]
    fixed: frozenset[str] = frozenset()
    bulk: bool = True
    together: str = ""
    lasting: bool = False
    usual: Mapping[str, object] = MappingProxyType({})

    def desired(self, cluster: Cluster, host: str, facts: Facts) -> Mapping[str, Wanted[V]]:
        """What must be on `host`, by address. Pure: no I/O, no clock, no randomness."""
        raise NotImplementedError

    def observe(self, kernel: Kernel, scope: Scope) -> Mapping[str, Found[V]]:
        """What is on this host: all that netctl owns, and what is foreign where it could be in the way (`scope`)."""
        raise NotImplementedError

    def apply(self, kernel: Kernel, changes: Sequence[Change]) -> None:
        """Make the changes, in order. Level-triggered: creating what is there and deleting what is gone succeed."""
        raise NotImplementedError

    def takes_along(self, change: Change) -> Sequence[tuple[str, str]]:
        """What the kernel removes with a change, in the words of `rests_on`: of what goes, all that rests on it."""
        going = change.action in (Action.DELETE, Action.REPLACE)
        return ((self.name, change.address),) if going else ()

    def rests_on(self, address: str, value: V) -> Sequence[tuple[str, str]]:
        """What carries the thing, kind and address: it is removed with that, so a plan replaces it with that."""
        return ()

    def occupies(self, value: V) -> Sequence[tuple[str, str]]:
        """What only one thing of the kind can have: while it is there, no other that is to have it can be made."""
        return ()

    def meanwhile(self, change: Change, after: V) -> V:
        """What a thing that becomes `after` is first, while what the change puts an end to is still in use."""
        return after

    def notices(self, cluster: Cluster, host: str, facts: Facts) -> Sequence[Problem]:
        """What a person should know of this kind on this host: what is missing, and what that means."""
        return ()

    def obstacle(self, problem: Problem, value: V) -> Problem:
        """The problem that something foreign is in the way, in words that lead a person to it."""
        return problem

    def describe(self, address: str, cluster: Cluster) -> str:
        """The address in the words of the manifest: names and labels instead of numbers."""
        return address
