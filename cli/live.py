"""WORKSTATION: assertions tried with real packets. The verdict is read from the programs' own events, at both ends.

Each flow that an assertion is about gets a number of its own (the probe's source port or ICMP identifier). First every
source sends and every source's host is asked what became of it; what was not dropped there is then asked for where it
must arrive. So an expected denial is proven by the program that denied, not by silence; silence is no verdict.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from cli import exits
from cli.explain import DENIALS, Explainer, Why
from inventory.fleet import Fleet
from inventory.session import Session
from state import wire
from state.cluster import Cluster
from state.host.packets import Probe
from state.kernel_bpf import Event
from state.policy import parties
from state.policy.assertions import Combination
from state.policy.parties import Party
from state.problem import NetctlError, Source

ROUNDS = 3
WITHIN = 2.0
DEADLINE = 30.0

Index = tuple[int, int]
"""A flow's place among those to be tried, and the IP version in which it is."""

World = Callable[[Probe], str]
"""Sends from the outside; the answer is empty, or why it could not be sent."""


@dataclass(frozen=True)
class Tried:
    """What packets say of a flow: `got` is `allow`, `deny`, or empty where there was no verdict."""

    got: str
    reason: str
    rules: tuple[Source, ...] = ()


@dataclass(frozen=True)
class Trial:
    """One flow under way in one family. `origin` and `target` are the hosts whose datapath decides, if any.

    `index` is the flow's place and the IP version; `ends` are the endpoints, by host and network namespace.
    """

    index: Index
    probe: Probe
    sender: str
    origin: str
    target: str
    ends: tuple[tuple[str, str], ...]

    @property
    def hosts(self) -> frozenset[str]:
        """The hosts that take part."""
        return frozenset({self.sender, self.origin, self.target} - {""})

    def decisions(self, host: str) -> int:
        """How many decisions are made about the probe on a host."""
        return (self.origin == host) + (self.target == host)


class Trials:
    """All flows that packets can decide."""

    def __init__(self, cluster: Cluster, fleet: Fleet, world: World | None) -> None:
        self._cluster = cluster
        self._fleet = fleet
        self._hosts = frozenset(fleet.hosts)
        self._world = world
        self._explain = Explainer(cluster)
        self._next = 20000 + secrets.randbelow(20000)
        self._failed: dict[str, NetctlError] = {}
        self._passed: dict[Index, dict[Why, None]] = {}
        self.results: dict[Index, Tried] = {}

    def run(self, flows: Sequence[Combination]) -> Mapping[Index, Tried]:
        """What packets say, by the flow's place and family; those that packets cannot decide here are left out.

        A flow to or from a host that fails has no verdict. Raises the errors where every host fails.
        """
        waiting = [trial for place, item in enumerate(flows) for trial in self.trials(place, item)]
        there = self._ask({host: {} for trial in waiting for host in trial.hosts}, waiting)
        waiting = [trial for trial in waiting if not _pending(trial, there)]
        for _ in range(ROUNDS):
            waiting = [trial for trial in waiting if trial.index not in self.results]
            if waiting:
                waiting = [replace(trial, probe=replace(trial.probe, nonce=self._nonce())) for trial in waiting]
                self._round(waiting)
        for trial in waiting:
            self.results.setdefault(trial.index, Tried("", f"no event about the probe in {ROUNDS} tries"))
        return self.results

    def trials(self, place: int, flow: Combination) -> Iterator[Trial]:
        """How packets decide a flow, in each family both ends have.

        None where they cannot: no datapath on the way, or no world to send from. Endpoints that turn out to be pending
        are left to the engine, too.
        """
        source, target = (parties.find(self._cluster, name) for name in (flow.origin, flow.target))
        if (source.world and self._world is None) or source.nobody or target.nobody:
            return
        if source.endpoint == target.endpoint:  # the same one, whose packets never leave it; or none
            return
        for version in parties.families(source, target):
            trial = self._trial((place, version), flow, source.by(version), target.by(version))
            if trial.hosts <= self._hosts:
                yield trial

    @staticmethod
    def _trial(index: Index, flow: Combination, source: Party, target: Party) -> Trial:
        origin = source.endpoint.host if source.endpoint else ""
        probe = Probe(
            netns=source.endpoint.netns if source.endpoint else "",
            source=str(source.addresses[0]) if source.host is None else "",
            destination=str(target.addresses[0]),
            protocol=flow.protocol,
            port=flow.port or 0,
            nonce=0,
        )
        sender = source.host.name if source.host else origin
        endpoints = [end for end in (source.endpoint, target.endpoint) if end is not None]
        ends = tuple((end.host, end.netns) for end in endpoints)
        return Trial(index, probe, sender, origin, target.endpoint.host if target.endpoint else "", ends)

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
        # an assertion is about the policy: what is only let through by audit counts as what it would be
        denials = [event for event in events if event.type in DENIALS]
        if denials:
            why = self._explain.why(denials[-1], host)
            self.results[trial.index] = Tried("deny", why.sentence, why.rules)
            return
        passed = self._passed.setdefault(trial.index, {})
        passed.update(dict.fromkeys(self._explain.why(event, host) for event in events))
        if at_target or not trial.target or (trial.target == host and len(events) >= trial.decisions(host)):
            sentence = "; ".join(dict.fromkeys(why.sentence for why in passed))
            rules = dict.fromkeys(rule for why in passed for rule in why.rules)
            self.results[trial.index] = Tried("allow", sentence, tuple(rules))


def _pending(trial: Trial, there: Mapping[str, Any]) -> bool:
    """Whether an endpoint's namespace is not there yet, on a host that could be asked."""
    return any(host in there and netns not in there[host]["namespaces"] for host, netns in trial.ends)
