"""BOTH SIDES: the whole answer to a question about one flow: the verdict in each family, and what a denial lacks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Optional

from state.cluster import Cluster
from state.policy.engine import Verdict, decide_each, engine_of
from state.policy.nearest import Denial, denial
from state.policy.parties import Party


@dataclass(frozen=True)
class Answer:
    """What is true of a flow in one family (an IP version, 0 where the ends have none in common).

    `denials` are by direction, of the ends that deny.
    """

    version: int
    verdict: Verdict
    denials: Mapping[str, Denial]


def ask(
    cluster: Cluster, source: Party, destination: Party, protocol: str, port: Optional[int] = None
) -> tuple[Answer, ...]:
    """May `source` begin a flow to `destination`? The answer in each family that both have."""
    engine = engine_of(cluster)
    found: list[Answer] = []
    for version, verdict in decide_each(cluster, source, destination, protocol, port).items():
        sides = [side for side in (verdict.egress, verdict.ingress) if side is not None]
        denials = {side.direction: why for side in sides if (why := denial(engine, side)) is not None}
        found.append(Answer(version, verdict, denials))
    return tuple(found)
