"""WORKSTATION: what came of the manifest's assertions: a table for people, one object for programs, JUnit's XML for CI.

    {"assertions": [{"from": "shop/web-1", "to": "shop/db-1", "port": 5432, "protocol": "TCP",    port: null for ICMP
                     "expect": "allow", "got": "allow",     deny, or unknown where packets gave no verdict
                     "method": "engine",                    packets with --live, or "packets and engine"
                     "reason": "allowed by policies/web.yaml:23; ...", "rules": ["policies/web.yaml:23", ...],
                     "source": "netctl.yaml:55"}],
     "passed": 23, "failed": 0}

An assertion about several flows (lists, selectors, `ports`) is one item, too. Its `from` and `to` are what is written,
in one line; `port` is null unless it is about a single one, `protocol` lists all of them. `got`, `reason` and `rules`
are those of the first combination that fails, or of the first if none does. And it has two keys more:

                     "ports": ["80/TCP", "8000-8010/TCP"],
                     "combinations": {"count": 24, "failed": 2,
                                      "failing": [{"from": "shop/web-2", "to": "shop/db-1", "port": 8003,
                                                   "end_port": 8004, "protocol": "TCP", "got": "allow",
                                                   "method": "engine", "reason": "...", "rules": [...]}]}

with the first hundred that fail, ports that are alike as one of them.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from typing import Any

from cli.judged import Answer, Judged, brief
from cli.render import junit
from cli.render.page import BAD, FAINT, GOOD, STRONG, Line, line, write
from cli.render.places import place
from state.policy.assertions import Combination

LISTED = 100


def show(cluster: str, judged: Sequence[Judged], output: str) -> None:
    """Print the outcome to standard output, for people, programs or CI."""
    if output == "junit":
        sys.stdout.write(junit.text(cluster, judged))
    elif output == "json":
        json.dump(document(judged), sys.stdout, indent=2)
        sys.stdout.write("\n")
    else:
        write(table(judged), sys.stdout)


def document(judged: Sequence[Judged]) -> dict[str, Any]:
    """The outcome as one object, assertions in manifest order."""
    passed = sum(one.holds for one in judged)
    return {"assertions": [_item(one) for one in judged], "passed": passed, "failed": len(judged) - passed}


def _item(one: Judged) -> dict[str, Any]:
    answer, ports = one.answer, one.assertion.ports
    single = len(ports) == 1 and ports[0].first == ports[0].last
    found: dict[str, Any] = {
        "from": ", ".join(one.origins),
        "to": ", ".join(one.targets),
        "port": ports[0].first if single else None,
        "protocol": ", ".join(one.protocols),
        "expect": one.assertion.expect,
        "got": answer.got,
        "method": answer.method,
        "reason": answer.reason,
        "rules": [place(rule) for rule in answer.rules],
        "source": place(one.assertion.source),
    }
    if one.expanded:
        failing = [_failing(*each) for each in one.failing[:LISTED]]
        found["ports"] = [*one.ports] if ports else []
        found["combinations"] = {"count": one.count, "failed": one.failed, "failing": failing}
    return found


def _failing(one: Combination, answer: Answer) -> dict[str, Any]:
    return {
        "from": one.origin,
        "to": one.target,
        "port": one.port,
        "end_port": one.last,
        "protocol": one.protocol,
        "got": answer.got,
        "method": answer.method,
        "reason": answer.reason,
        "rules": [place(rule) for rule in answer.rules],
    }


def table(judged: Sequence[Judged]) -> list[Line]:
    """The outcome as a table: one line for each assertion, and below each that does not hold what is wrong with it."""
    if not judged:
        return [line("The manifest asserts nothing. Say what must hold under `assertions:`.")]
    cells = [(brief(one.origins), brief(one.targets), brief(one.ports), one.answer.got) for one in judged]
    widths = [max(len(row[column]) for row in cells) for column in range(4)]
    lines: list[Line] = []
    for one, row in zip(judged, cells, strict=True):
        origin, target, what, got = (text.ljust(width) for text, width in zip(row, widths, strict=True))
        sign = ("ok  ", GOOD) if one.holds else ("FAIL", BAD)
        colour = "" if one.holds else BAD
        lines.append(line(sign, f"  {origin} -> {target}  {what}  ", (got, colour), ("  " + _why(one), FAINT)))
        lines += [] if one.holds else _expected(one)
    passed = sum(one.holds for one in judged)
    methods = {answer.method for one in judged for answer in one.answers}
    named = " and ".join(sorted("the policy engine" if name == "engine" else name for name in methods))
    lines.append(line())
    lines.append(line((f"{passed} passed, {len(judged) - passed} failed", STRONG), f" (judged by {named})."))
    return lines


def _why(one: Judged) -> str:
    """The reason of the only flow, else how many there are."""
    if not one.expanded:
        return one.answer.reason
    return f"all {one.count} combinations" if one.holds else f"{one.failed} of {one.count} combinations"


def _expected(one: Judged) -> Iterator[Line]:
    yield line("      ", (f"expected {one.assertion.expect} at {place(one.assertion.source)}", BAD))
    if one.expanded:
        for text in one.told:
            yield line("      ", (text, BAD))
