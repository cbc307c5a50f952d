"""WORKSTATION: `netctl test`: the manifest's assertions, unit tests of the network, judged by engine or packets."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from cli.options import Folder, Hosts, Lab, Labels
from state.problem import UsageError

if TYPE_CHECKING:
    from cli.judged import Families, Judged
    from cli.live import World
    from state.cluster import Cluster
    from state.policy.assertions import Combination

    Tried = Mapping[Combination, Sequence[Families]]
    """What packets say of each flow that stands for a combination."""

Live = Annotated[bool, typer.Option("--live", help="Send real packets, and read the verdict from the datapath.")]
Format = Annotated[
    Literal["text", "json", "junit"],
    typer.Option("--format", help="How to print: for people, programs or CI (JUnit XML)."),
]

MOST_PACKETS = 200
"""Flows of one assertion that packets try; of more, some all along the list are tried."""


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
    ends report of it: nobody need listen, and a denial is proven by the program that denied. Of ports that no rule
    tells apart the first and the last are tried. Assertions that packets cannot try here (from the outside, but in the
    lab; about other hosts than those selected) are left to the engine.
    """
    from cli import exits
    from cli.render import assertions as render
    from cli.workflow import validate

    asking = [option for option, given in (("--lab", lab), ("--host", host), ("--label", label)) if given]
    if asking and not live:
        raise UsageError.of(
            f"{asking[0]} without --live: the engine asks no host", f"Add --live, or leave {asking[0]} away."
        )
    cluster, _ = validate(folder, lab or not live)
    judged = judge(cluster, by_packets(folder, cluster, host, label, lab) if live else None)
    render.show(cluster.name, judged, output)
    return exits.FINE if all(one.holds for one in judged) else exits.ERROR


def judge(cluster: Cluster, tried: Tried | None = None) -> list[Judged]:
    """Every assertion, in manifest order, with what is true of it: by the engine, where packets have not `tried` it."""
    from cli.judged import Judged, settle
    from state.policy.assertions import combinations

    known: Tried = {} if tried is None else tried
    found: list[Judged] = []
    for item in cluster.assertions:
        combined = combinations(cluster, item)
        answers = (settle(item.expect, _answer(cluster, item.expect, one, known.get(one, ()))) for one in combined)
        found.append(Judged(item, combined, tuple(answers)))
    return found


def _answer(cluster: Cluster, expect: str, one: Combination, tried: Sequence[Families]) -> Families:
    """The answer in each family; where packets tried several flows of a combination, that of one that fails."""
    answers = dict(by_engine(cluster, one))
    for families in tried:
        for version, answer in families.items():
            if answers[version].method == "engine" or answers[version].got == expect:
                answers[version] = answer
    return answers


def by_engine(cluster: Cluster, one: Combination) -> Families:
    """What the policy engine says of a combination."""
    from cli.judged import Answer
    from state.policy.engine import decide_each

    return {
        version: Answer(verdict.word, "engine", verdict.reason, verdict.rules)
        for version, verdict in decide_each(cluster, one.origin, one.target, one.protocol, one.port).items()
    }


def by_packets(folder: Path, cluster: Cluster, hosts: Sequence[str], labels: Sequence[str], lab: bool) -> Tried:
    """What packets say of the flows they can try, by combination."""
    from cli.connect import connect
    from cli.judged import Answer
    from cli.live import Trials

    chosen = [(one, flow) for one in dict.fromkeys(_chosen(cluster)) for flow in one.flows]
    with connect(folder, cluster, hosts, labels, lab) as fleet:
        trials = Trials(cluster, fleet, _outside(folder) if lab else None)
        tried = trials.run([flow for _, flow in chosen])
    found: dict[Combination, dict[int, dict[int, Answer]]] = {}
    for (place, version), one in tried.items():
        families = found.setdefault(chosen[place][0], {}).setdefault(place, {})
        families[version] = Answer(one.got or "unknown", "packets", one.reason, one.rules)
    return {one: list(by_flow.values()) for one, by_flow in found.items()}


def _chosen(cluster: Cluster) -> Iterator[Combination]:
    """The combinations to try: of an assertion about very many, some all along the list."""
    from state.policy.assertions import combinations

    for item in cluster.assertions:
        combined = combinations(cluster, item)
        step = -(-len(combined) // MOST_PACKETS) or 1
        yield from combined[::step]


def _outside(folder: Path) -> World:
    from inventory.lab.entry import sender

    return sender(folder)
