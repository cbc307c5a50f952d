"""The walk: change after change under traffic, and what became of every packet meanwhile."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from state.cluster import Cluster
from tests.gap import flows
from tests.gap.fleet import Street
from tests.gap.story import FENCES, HOME, Story
from tests.gap.stream import EITHER, NEVER, Fault, Flow, Stream, Window

RATE = 1250.0
"""Packets per second of each flow: eight flows go each way between the hosts, eight on a host: 10,000 each."""

SLOW = 400.0
"""Where not the rate is the point but the race."""


@dataclass
class Tally:
    """What was counted: packets by what they had to do and by where they went, and every fault."""

    changes: int = 0
    seconds: float = 0.0
    phases: Counter[str] = field(default_factory=Counter[str])
    packets: Counter[str] = field(default_factory=Counter[str])
    ways: Counter[str] = field(default_factory=Counter[str])
    faults: list[tuple[str, Fault]] = field(default_factory=list[tuple[str, Fault]])
    inexact: list[str] = field(default_factory=list[str])

    def add(self, when: str, window: Window, wanted: Sequence[Flow]) -> None:
        """Count a window."""
        self.seconds += window.seconds
        for flow, rule in zip(wanted, window.rules):
            counts = window.counts[flow.name]
            kind = {NEVER: "that both policies deny", EITHER: "that one of them denies"}.get(rule, "that both allow")
            self.packets[f"{kind}: sent"] += counts.sent
            self.packets[f"{kind}: sent back"] += counts.arrived
            for way, count in zip(_ways(flow), (counts.sent, counts.arrived)):
                self.ways[f"{way}, {flow.protocol}"] += count
        self.faults += [(when, fault) for fault in window.faults]
        if not window.exact:
            self.inexact.append(f"{when}: {window.overrun=} {window.late=} {window.twice=} {window.astray=}")

    def lines(self) -> list[str]:
        """The tally for people."""
        phases = ", ".join(f"{count} {name}" for name, count in self.phases.items())
        found = [f"{self.changes} changes in {self.seconds:.0f} s of traffic; phases carried out: {phases}"]
        found += [f"  packets {name}: {count:,}" for name, count in sorted(self.packets.items())]
        found += [f"  {way}: {count:,} ({count / self.seconds:,.0f}/s)" for way, count in sorted(self.ways.items())]
        return found + [f"  FAULT {when}: {fault}" for when, fault in self.faults] + self.inexact


def _ways(flow: Flow) -> tuple[str, str]:
    """Where a flow's packets go, and those sent back."""
    homes = [(HOME | FENCES).get(end, "") for end in (flow.origin, flow.target)]
    if "" in homes:
        return ("into the world", "from the world") if homes[0] else ("from the world", "into the world")
    if homes[0] == homes[1]:
        ways = "on one host, one way", "on one host, the other way"
        return ways if flow.origin < flow.target else (ways[1], ways[0])
    return f"across hosts, {homes[0]} to {homes[1]}", f"across hosts, {homes[1]} to {homes[0]}"


@dataclass
class Walk:
    """Traffic through a street, window by window: during a change by old and new policy, then by the new one alone."""

    street: Street
    stream: Stream
    wanted: Sequence[Flow]
    cluster: Cluster
    tally: Tally = field(default_factory=Tally)
    _allowed: Mapping[str, bool] = field(init=False)
    _when: str = "before the first change"

    def __post_init__(self) -> None:
        self._allowed = flows.allowed(self.cluster, self.wanted)
        self.stream.window(flows.rules(self._allowed, self._allowed))

    def step(self, name: str, cluster: Cluster) -> frozenset[str]:
        """Go to another manifest; the kinds of what had to change for it. While it is planned, the old policy holds."""
        rows, plan = self.street.plan(cluster)
        after = flows.allowed(cluster, self.wanted)
        kinds = frozenset(change.kind for host in plan.hosts for change in host.changes)
        if not kinds:
            assert after == self._allowed, f"{name}: nothing to do, but policy says another thing"
            return kinds
        self._begin(f"during {name}", flows.rules(self._allowed, after))
        done = self.street.carry_out(cluster, rows, plan)
        self._begin(f"after {name}", flows.rules(after, after))
        self.cluster, self._allowed = cluster, after
        self.tally.changes += 1
        self.tally.phases.update(done)
        return kinds

    def end(self) -> Tally:
        """The last window's packets, and all of them."""
        self.tally.add(self._when, self.stream.end(), self.wanted)
        return self.tally

    def _begin(self, when: str, rules: Mapping[str, str]) -> None:
        self.tally.add(self._when, self.stream.window(rules), self.wanted)
        self._when = when


def walk(
    street: Street, program: Path, stories: Iterator[Story], changes: int, rate: float, patience: int = 1000
) -> Tally:
    """Boot the street and go through that many changes that hosts notice; no further than `patience` faults."""
    cluster = street.load(next(stories))
    street.boot(cluster)
    wanted = flows.flows(cluster, street.lab)
    with Stream(program, flows.doors(cluster, street.lab), wanted, rate) as stream:
        going = Walk(street, stream, wanted, cluster)
        while going.tally.changes < changes and len(going.tally.faults) < patience:
            story = next(stories)
            going.step(f"change {going.tally.changes + 1} ({story.told})", street.load(story))
        return going.end()
