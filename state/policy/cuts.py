"""BOTH SIDES: what a policy says, in ranges of ports: read out of its entries, laid over and beside each other."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from typing import Optional

from state.policy.verdicts import Entry, Outcome, Policy

Answer = Optional[tuple[Outcome, int]]
"""What a policy says of a port: outcome and rule; None: nothing, so it is denied by default."""
Cut = tuple[int, int, Answer]
Cuts = tuple[Cut, ...]
"""What is said of the ports first..last, in order; ports in between are not spoken of."""
ByProtocol = Mapping[str, Cuts]


def by_peer(policy: Policy) -> dict[str, ByProtocol]:
    """What a policy says of each peer by itself, `any` among them."""
    return {
        peer: {protocol: tuple(map(_cut, part)) for protocol, part in groupby(found, key=_protocol)}
        for peer, found in groupby(policy.entries, key=_peer)
    }


def ranges(lists: Sequence[Cuts]) -> Iterator[tuple[int, int, list[Answer]]]:
    """Ports in which none of the lists changes its mind, with what each says."""
    edges = sorted({edge for cuts in lists for first, last, _ in cuts for edge in (first, last + 1)})
    places = [0] * len(lists)
    for first, following in zip(edges, edges[1:]):
        answers: list[Answer] = []
        for place, cuts in enumerate(lists):
            while places[place] < len(cuts) and cuts[places[place]][1] < first:
                places[place] += 1
            here = cuts[places[place]] if places[place] < len(cuts) else None
            answers.append(here[2] if here is not None and here[0] <= first else None)
        yield first, following - 1, answers


def joined(cuts: Iterable[Cut]) -> Cuts:
    """Cuts in order, those that touch and say the same made one."""
    found: list[Cut] = []
    for first, last, answer in cuts:
        if found and found[-1][1] + 1 == first and found[-1][2] == answer:
            found[-1] = (found[-1][0], last, answer)
        else:
            found.append((first, last, answer))
    return tuple(found)


def over(own: Cuts, base: Cuts) -> Cuts:
    """A peer's own entries where there are any, else everyone's."""
    return joined((first, last, here[0] or here[1]) for first, last, here in ranges((own, base)) if any(here))


def allows(answer: Answer) -> bool:
    """Whether a port is open."""
    return answer is not None and answer[0] is Outcome.ALLOW


def _peer(entry: Entry) -> str:
    return entry.peer


def _protocol(entry: Entry) -> str:
    return entry.protocol


def _cut(entry: Entry) -> Cut:
    return entry.first, entry.last, (entry.outcome, entry.rule)
