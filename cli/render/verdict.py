"""WORKSTATION: the answer to `netctl policy verdict`: for people in a few lines, for programs as one object.

{"format_version": "1.0",
 "from": "shop/web-1", "to": "shop/db-1", "protocol": "TCP", "port": 5432,    port: the type of ICMP, null for echo
 "verdict": "deny",                     allow only where every family allows
 "families": [{"family": "IPv4",        null where the ends have no address family in common
               "verdict": "deny", "reason": "...",
               "sides": [{"direction": "ingress", "endpoint": "shop/db-1", "verdict": "deny", "reason": "...",
                          "rules": ["policies/data.yaml:7"],      what decided
                          "audited": false,               whether the endpoint lets through what is denied
                          "denied_by_rule": false,
                          "beaten": [],                           what would allow it, if no deny beat it
                          "nearest": [{"rule": "policies/data.yaml:8", "document": "CiliumNetworkPolicy shop/db",
                                       "lacks": [{"about": "port", "wants": "for port 5432/TCP",
                                                  "has": "this is 5433/TCP"}]}]}]}]}
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Optional

from cli.render.page import BAD, CARE, FAINT, GOOD, STRONG, Line, line, write
from cli.render.places import place
from state.policy import said
from state.policy.answers import Answer
from state.policy.engine import Side
from state.policy.nearest import Denial, Near
from state.problem import Source

FORMAT_VERSION = "1.0"

Audited = frozenset[str]
"""The endpoints, by name, that let through what their policies deny."""


@dataclass(frozen=True)
class Question:
    """A flow as it was asked about. `port` is the type of ICMP there, None for an echo request."""

    origin: str
    target: str
    protocol: str
    port: Optional[int]

    @property
    def what(self) -> str:
        """The port with its protocol, or ICMP."""
        return self.protocol if self.port is None else said.span(self.protocol, self.port, self.port)


def show(question: Question, answers: Sequence[Answer], audited: Audited, output: str) -> None:
    """Print the answer to standard output, for people or programs."""
    if output == "json":
        json.dump(document(question, answers, audited), sys.stdout, indent=2)
        sys.stdout.write("\n")
    else:
        write(lines(question, answers, audited), sys.stdout)


def lines(question: Question, answers: Sequence[Answer], audited: Audited) -> list[Line]:
    """The answer for people; families of which the same is true are told once."""
    together: dict[tuple[Line, ...], list[str]] = {}
    for answer in answers:
        together.setdefault(tuple(_answer(question, answer, audited)), []).append(f"IPv{answer.version}")
    found: list[Line] = []
    for told, versions in together.items():
        first, *rest = told
        family = f"  over {' and '.join(versions)}" if len(together) > 1 else ""
        found += [(*first, (family, STRONG)), *rest]
    return found


def _answer(question: Question, answer: Answer, audited: Audited) -> Iterator[Line]:
    verdict = answer.verdict
    sides = [side for side in (verdict.egress, verdict.ingress) if side is not None]
    why = "" if sides else f"  {verdict.reason}"
    colour = GOOD if verdict.allowed else BAD
    yield line(
        (verdict.word, colour), f"  {question.origin} -> {question.target}  ", (question.what, STRONG), (why, FAINT)
    )
    width = max((len(side.subject) for side in sides), default=0)
    for side in sides:
        yield line(f"  {side.direction:<7}  {side.subject:<{width}}  ", (side.reason, "" if side.allowed else BAD))
        if side.direction in answer.denials:
            yield from _lacking(answer.denials[side.direction], side.direction)
        if side.subject in audited:
            yield line("           ", (f"{side.subject} is audited: what its policies deny is let through", CARE))


def _lacking(denial: Denial, direction: str) -> Iterator[Line]:
    """What would have to be otherwise: a line for each rule that would allow the flow, or nearly would."""
    but = "without that deny, " if denial.by_rule else ""
    told = [f"{but}{place(near.rule.source)} would allow it, but {near.sentence}" for near in denial.nearest]
    if denial.open:
        told = [f"{but}it would pass: no policy isolates it for {direction}"]
    elif denial.beaten:
        told = [f"{but}{_places(denial.beaten)} would allow it"]
    for sentence in told:
        yield line("           ", (sentence, CARE))


def _places(sources: Iterable[Source]) -> str:
    return " and ".join(map(place, sources))


def document(question: Question, answers: Sequence[Answer], audited: Audited) -> dict[str, Any]:
    """The answer for programs."""
    allowed = all(answer.verdict.allowed for answer in answers)
    return {
        "format_version": FORMAT_VERSION,
        "from": question.origin,
        "to": question.target,
        "protocol": question.protocol,
        "port": question.port,
        "verdict": "allow" if allowed else "deny",
        "families": [_family(answer, audited) for answer in answers],
    }


def _family(answer: Answer, audited: Audited) -> dict[str, Any]:
    verdict = answer.verdict
    sides = [side for side in (verdict.egress, verdict.ingress) if side is not None]
    return {
        "family": f"IPv{answer.version}" if answer.version else None,
        "verdict": verdict.word,
        "reason": verdict.reason,
        "sides": [_side(side, answer.denials.get(side.direction), audited) for side in sides],
    }


def _side(side: Side, denial: Optional[Denial], audited: Audited) -> dict[str, Any]:
    return {
        "direction": side.direction,
        "endpoint": side.subject,
        "verdict": "allow" if side.allowed else "deny",
        "reason": side.reason,
        "rules": [place(rule) for rule in side.rules],
        "audited": side.subject in audited,
        "denied_by_rule": denial is not None and denial.by_rule,
        "beaten": [] if denial is None else [place(rule) for rule in denial.beaten],
        "nearest": [] if denial is None else [_near(near) for near in denial.nearest],
    }


def _near(near: Near) -> dict[str, Any]:
    return {
        "rule": place(near.rule.source),
        "document": near.rule.document,
        "lacks": [{"about": lack.about, "wants": lack.wants, "has": lack.has} for lack in near.lacks],
    }
