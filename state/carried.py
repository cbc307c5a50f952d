"""BOTH SIDES: what the kernel takes away together with what carries it, as changes of a plan. Pure.

A route goes with its device. Where a plan replaces the device, the route, right as it is, must be replaced too:
otherwise it would be missing when the plan has been carried out.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from state.change import Action, Change, Difference, Found, Wanted

if TYPE_CHECKING:
    from state.kinds.kind import Kind


def with_carried(
    kind: Kind[Any],
    difference: Difference,
    desired: Mapping[str, Wanted[Any]],
    observed: Mapping[str, Found[Any]],
    gone: frozenset[tuple[str, str]],
) -> Difference:
    """The difference, and a replacement of everything that rests on what is `gone`, be it for a moment."""
    if not gone:
        return difference
    changes = {change.address: change for change in difference.changes}
    for address, wanted in desired.items():
        found = observed.get(address)
        if found is not None and found.owned and not gone.isdisjoint(kind.rests_on(address, found.value)):
            changes[address] = Change(kind.name, address, Action.REPLACE, found.value, wanted.value, wanted.source)
    return Difference(tuple(change for _, change in sorted(changes.items())), difference.obstacles)


def going(kind: Kind[Any], difference: Difference) -> set[tuple[str, str]]:
    """What goes with everything that the difference deletes, replaces or changes."""
    return {carried for change in difference.changes for carried in kind.takes_along(change)}
