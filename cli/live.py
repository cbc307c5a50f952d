"""WORKSTATION: assertions tried with real packets. The verdict is read from the programs' own events, at both ends.

Each assertion gets a number of its own (the probe's source port or ICMP identifier). First every source sends and every
source's host is asked what became of it; what was not dropped there is then asked for where it must arrive. So an
expected denial is proven by the program that denied, not by silence; silence is no verdict.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from cli import exits
from cli.explain import Explainer
from inventory.fleet import Fleet
from inventory.session import Session
from state import wire
from state.cluster import Cluster
from state.host.packets import Probe
from state.kernel_bpf import Event
from state.manifest import Assertion
from state.policy import parties
from state.policy.parties import Party
from state.problem import NetctlError, Source

ROUNDS = 3
WITHIN = 2.0
DEADLINE = 30.0

World = Callable[[Probe], str]
"""Sends from the outside; the answer is empty, or why it could not be sent."""


@dataclass(frozen=True)
class Tried:
    """What packets say of an assertion: `got` is `allow`, `deny`, or empty where there was no verdict."""

    got: str
    reason: str
    rules: tuple[Source, ...] = ()


@dataclass(frozen=True)
class Trial:
    """One assertion under way. `origin` and `target` are the hosts whose datapath decides (empty: none does)."""

    index: int
    probe: Probe
    sender: str
    origin: str
    target: str

    @property
    def hosts(self) -> frozenset[str]:
        """The hosts that take part."""
        return frozenset({self.sender, self.origin, self.target} - {""})

    def decisions(self, host: str) -> int:
        """How many decisions are made about the probe on a host."""
        return (self.origin == host) + (self.target == host)


class Trials:
    """All assertions that packets can decide."""

    def __init__(self, cluster: Cluster, fleet: Fleet, world: World | None) -> None:
        self._cluster = cluster
        self._fleet = fleet
        self._hosts = frozenset(fleet.hosts)
        self._world = world
        self._explain = Explainer(cluster)
        self._next = 20000 + secrets.randbelow(20000)
        self._failed: dict[str, NetctlError] = {}
        self.results: dict[int, Tried] = {}

    def run(self, assertions: Sequence[Assertion]) -> Mapping[int, Tried]:
        """What packets say, by the assertion's place; those that packets cannot decide here are left out.

        An assertion about a host that fails has no verdict. Raises the errors where every host fails.
        """
        waiting = [trial for place, item in enumerate(assertions) if (trial := self.trial(place, item)) is not None]
        self._ask({host: {} for trial in waiting for host in trial.hosts}, waiting)
        for _ in range(ROUNDS):
            waiting = [trial for trial in waiting if trial.index not in self.results]
            if waiting:
                waiting = [replace(trial, probe=replace(trial.probe, nonce=self._nonce())) for trial in waiting]
                self._round(waiting)
        for trial in waiting:
            self.results.setdefault(trial.index, Tried("", f"no event about the probe in {ROUNDS} tries"))
        return self.results

    def trial(self, index: int, assertion: Assertion) -> Trial | None:
        """How packets decide an assertion, or None where they cannot: no endpoint, or no world to send from."""
        source, target = (parties.find(self._cluster, name) for name in (assertion.origin, assertion.target))
        if (source.world and self._world is None) or source.nobody or target.nobody:
            return None
        pair = _pair(source, target)
        if pair is None or (source.endpoint is None and target.endpoint is None):
            return None
        origin = source.endpoint.host if source.endpoint else ""
        probe = Probe(
            netns=source.endpoint.netns if source.endpoint else "",
            source=pair[0] if source.host is None else "",
            destination=pair[1],
            protocol=assertion.protocol,
            port=assertion.port or 0,
            nonce=0,
        )
        sender = source.host.name if source.host else origin
        trial = Trial(index, probe, sender, origin, target.endpoint.host if target.endpoint else "")
        return trial if trial.hosts <= self._hosts else None

    def _nonce(self) -> int:
        self._next += 1
        return self._next

    def _round(self, trials: Sequence[Trial]) -> None:
        by_nonce = {trial.probe.nonce: trial for trial in trials}
        requests: dict[str, dict[str, Any]] = {}
        for trial in trials:
            if trial.sender:
                request = requests.setdefault(trial.sender, {"send": [], "expect": {}, "within": WITHIN})
                request["send"].append(wire.dump(trial.probe))
                if trial.origin:
                    request["expect"][trial.probe.nonce] = trial.decisions(trial.origin)
            elif self._world is not None and (refused := self._world(trial.probe)):
                self.results[trial.index] = Tried("", f"the world could not send: {refused}")
        seen = self._ask(requests, trials)
        self._conclude(by_nonce, seen, at_target=False)
        arriving: dict[str, dict[str, Any]] = {}
        for trial in trials:
            if trial.index not in self.results and trial.target and trial.target != trial.origin:
                request = arriving.setdefault(trial.target, {"expect": {}, "within": WITHIN})
                request["expect"][trial.probe.nonce] = 1
        self._conclude(by_nonce, self._ask(arriving, trials), at_target=True)

    def _ask(self, requests: Mapping[str, Mapping[str, Any]], trials: Sequence[Trial]) -> Mapping[str, Any]:
        def ask(session: Session) -> Any:
            return session.call("probe", requests[session.name], DEADLINE)

        rows = self._fleet.each(ask, sorted(requests))
        self._failed |= {host: row.error for host, row in rows.items() if row.error is not None}
        if rows and self._failed.keys() >= self._hosts:
            raise exits.together(list(self._failed.values()))
        for trial in trials:
            for host in sorted(trial.hosts & self._failed.keys()):
                self.results.setdefault(trial.index, Tried("", f"{host} could not be asked: {self._failed[host]}"))
        return {host: row.value for host, row in rows.items() if row.error is None}

    def _conclude(self, by_nonce: Mapping[int, Trial], seen: Mapping[str, Any], at_target: bool) -> None:
        for host, answer in seen.items():
            for nonce, text in answer["refused"].items():
                trial = by_nonce[int(nonce)]
                self.results[trial.index] = Tried("", f"{trial.sender} could not send: {text}")
            events = [wire.load(Event, item) for item in answer["events"]]
            for nonce, trial in by_nonce.items():
                about = [event for event in events if event.source_port == nonce]
                if about and trial.index not in self.results:
                    self._judge(trial, host, about, at_target)

    def _judge(self, trial: Trial, host: str, events: Sequence[Event], at_target: bool) -> None:
        drops = [event for event in events if event.type == "drop"]
        final = at_target or not trial.target or (trial.target == host and len(events) >= trial.decisions(host))
        if drops or final:
            why = self._explain.why((drops or events)[-1], host)
            self.results[trial.index] = Tried("deny" if drops else "allow", why.sentence, why.rules)


def _pair(source: Party, target: Party) -> tuple[str, str] | None:
    """The addresses of both ends in the first family that both have."""
    for left in source.addresses:
        for right in target.addresses:
            if left.version == right.version:
                return str(left), str(right)
    return None
