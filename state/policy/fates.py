"""BOTH SIDES: what becomes of each rule among the others: it matters, or others leave nothing of it.

All rules of which it is said that they do not matter could go together, and every verdict of today would stay.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Optional

from state.policy.extent import Extent, superfluous, union
from state.policy.rules import Rule
from state.policy.verdicts import Outcome


class Fate(enum.Enum):
    """What becomes of a rule."""

    MATTERS = "matters"
    DENIED = "denied"
    COVERED = "covered"
    NOBODY = "nobody"
    NO_PORT = "no port"
    IDLE = "idle"
    OPEN = "open"


@dataclass(frozen=True)
class Told:
    """A rule's fate, and the places of the rules that make it so; of one that matters, those that deny a part of it."""

    fate: Fate
    others: tuple[int, ...] = ()


def fates(rules: Sequence[Rule], extents: Sequence[Extent], otherwise: Optional[Extent]) -> list[Told]:
    """The fate of each rule about one subject and direction. `otherwise`: what passes by default; None if isolated."""
    denies = [place for place, rule in enumerate(rules) if rule.outcome is Outcome.DENY]
    allows = [place for place, rule in enumerate(rules) if rule.outcome is Outcome.ALLOW]
    denied = union(extents[place] for place in denies)
    allowed = union(extents[place] for place in allows) if otherwise is None else otherwise
    left = {place: extents[place] - denied for place in allows}
    left.update({place: extents[place] & allowed for place in denies})
    spare = _superfluous(denies, left)
    spare.update(_superfluous(allows, left))

    def told(place: int) -> Told:
        own, allowing = extents[place], rules[place].outcome is Outcome.ALLOW
        beating = tuple(other for other in denies if extents[other].meets(own)) if allowing else ()
        if not own:
            return Told(Fate.NO_PORT if own.means else Fate.NOBODY)
        if allowing and otherwise is not None:
            return Told(Fate.OPEN)
        if not left[place]:
            return Told(Fate.DENIED, beating) if allowing else Told(Fate.IDLE)
        return Told(Fate.COVERED, spare[place]) if place in spare else Told(Fate.MATTERS, beating)

    return [told(place) for place in range(len(rules))]


def _superfluous(places: Sequence[int], extents: Mapping[int, Extent]) -> dict[int, tuple[int, ...]]:
    """As `superfluous`, among some of the rules."""
    found = superfluous([extents[place] for place in places])
    return {places[one]: tuple(places[other] for other in others) for one, others in found.items()}
