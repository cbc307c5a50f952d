"""WORKSTATION: `netctl test`: the manifest's assertions, unit tests of the network, judged by engine or packets."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.options import Folder, Format, Hosts, Lab, Labels
from state.problem import UsageError

if TYPE_CHECKING:
    from cli.live import World
    from cli.render.page import Line
    from state.cluster import Cluster
    from state.manifest import Assertion
    from state.problem import Source


@dataclass(frozen=True)
class Answer:
    """What is true of an assertion. `got` is `allow` or `deny`; `method` says who found out: `engine` or `packets`."""

    got: str
    method: str
    reason: str
    rules: tuple[Source, ...]


Families = Mapping[int, Answer]
"""The answer in each family that both ends have, by IP version."""

Live = Annotated[bool, typer.Option("--live", help="Send real packets, and read the verdict from the datapath.")]


def test(
    folder: Folder = Path(),
    host: Hosts = [],  # noqa: B006  (Typer's own way to say: may be given several times)
    label: Labels = [],  # noqa: B006
    output: Format = "text",
    live: Live = False,
    lab: Lab = False,
) -> int:
    """Check the manifest's assertions: by the policy engine, or with real packets.

    With --live a packet is sent for each assertion from where it says, and the verdict is what the BPF programs at both
    ends report of it: nobody need listen, and a denial is proven by the program that denied. Assertions that packets
    cannot try here (from the outside, but in the lab; about other hosts than those selected) are left to the engine.
    """
    from cli import exits
    from cli.workflow import validate

    asking = [option for option, given in (("--lab", lab), ("--host", host), ("--label", label)) if given]
    if asking and not live:
        raise UsageError.of(
            f"{asking[0]} without --live: the engine asks no host", f"Add --live, or leave {asking[0]} away."
        )
    cluster, _ = validate(folder, lab or not live)
    answers = by_engine(cluster)
    if live:
        tried = by_packets(folder, cluster, host, label, lab)
        answers = [{**each, **tried.get(place, {})} for place, each in enumerate(answers)]
    settled = [settle(item.expect, each) for item, each in zip(cluster.assertions, answers, strict=True)]
    show(cluster.assertions, settled, output)
    return exits.FINE if all(map(_holds, cluster.assertions, settled)) else exits.ERROR


def by_packets(
    folder: Path, cluster: Cluster, hosts: Sequence[str], labels: Sequence[str], lab: bool
) -> Mapping[int, Families]:
    """What packets say of the assertions they can try, by place."""
    from cli.connect import connect
    from cli.live import Trials

    with connect(folder, cluster, hosts, labels, lab) as fleet:
        trials = Trials(cluster, fleet, _outside(folder) if lab else None)
        tried = trials.run(cluster.assertions)
    found: dict[int, dict[int, Answer]] = {}
    for (place, version), one in tried.items():
        found.setdefault(place, {})[version] = Answer(one.got or "unknown", "packets", one.reason, one.rules)
    return found


def _outside(folder: Path) -> World:
    from inventory.lab.entry import sender

    return sender(folder)


def by_engine(cluster: Cluster) -> list[Families]:
    """What the policy engine says of every assertion, in manifest order."""
    from state.policy.engine import decide_each

    return [
        {
            version: Answer(verdict.word, "engine", verdict.reason, verdict.rules)
            for version, verdict in decide_each(cluster, item.origin, item.target, item.protocol, item.port).items()
        }
        for item in cluster.assertions
    ]


def settle(expect: str, families: Families) -> Answer:
    """What is true of an assertion: it holds only if it does in every family its ends can talk in."""
    odd = {version: answer for version, answer in families.items() if answer.got != expect}
    if not odd:
        return next(iter(families.values()))
    version, answer = next(iter(odd.items()))
    return answer if len(odd) == len(families) else replace(answer, reason=f"over IPv{version}: {answer.reason}")


def show(assertions: Sequence[Assertion], answers: Sequence[Answer], output: str) -> None:
    """Print the outcome to standard output, for people or programs."""
    if output == "json":
        json.dump(document(assertions, answers), sys.stdout, indent=2)
        sys.stdout.write("\n")
        return
    from cli.render.page import write

    write(table(assertions, answers), sys.stdout)


def document(assertions: Sequence[Assertion], answers: Sequence[Answer]) -> dict[str, Any]:
    """The outcome as one object, assertions in manifest order."""
    passed = sum(map(_holds, assertions, answers))
    return {
        "assertions": [
            {
                "from": item.origin,
                "to": item.target,
                "port": item.port,
                "protocol": item.protocol,
                "expect": item.expect,
                "got": answer.got,
                "method": answer.method,
                "reason": answer.reason,
                "rules": [_place(rule) for rule in answer.rules],
                "source": _place(item.source),
            }
            for item, answer in zip(assertions, answers, strict=True)
        ],
        "passed": passed,
        "failed": len(answers) - passed,
    }


def table(assertions: Sequence[Assertion], answers: Sequence[Answer]) -> list[Line]:
    """The outcome as a table: one line for each assertion, two for each that does not hold."""
    from cli.render.page import BAD, FAINT, GOOD, STRONG, line

    if not assertions:
        return [line("The manifest asserts nothing. Say what must hold under `assertions:`.")]
    cells = [
        (item.origin, item.target, _what(item), answer.got) for item, answer in zip(assertions, answers, strict=True)
    ]
    widths = [max(len(row[column]) for row in cells) for column in range(4)]
    lines: list[Line] = []
    for item, answer, row in zip(assertions, answers, cells, strict=True):
        holds = _holds(item, answer)
        origin, target, what, got = (text.ljust(width) for text, width in zip(row, widths, strict=True))
        sign = ("ok  ", GOOD) if holds else ("FAIL", BAD)
        lines.append(
            line(sign, f"  {origin} -> {target}  {what}  ", (got, "" if holds else BAD), ("  " + answer.reason, FAINT))
        )
        if not holds:
            lines.append(line("      ", (f"expected {item.expect} at {_place(item.source)}", BAD)))
    passed = sum(map(_holds, assertions, answers))
    methods = " and ".join(sorted({"the policy engine" if one.method == "engine" else "packets" for one in answers}))
    lines.append(line())
    lines.append(line((f"{passed} passed, {len(answers) - passed} failed", STRONG), f" (judged by {methods})."))
    return lines


def _holds(assertion: Assertion, answer: Answer) -> bool:
    return assertion.expect == answer.got


def _what(assertion: Assertion) -> str:
    return assertion.protocol if assertion.port is None else f"{assertion.port}/{assertion.protocol}"


def _place(source: Source) -> str:
    return f"{source.file}:{source.line}"
