"""WORKSTATION: what a status report is made of: each host's agent, datapath, and difference from the manifest."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from cli import progress, workflow
from inventory import requests
from inventory.fleet import Fleet, Row
from inventory.session import Hello, Session
from state import wire
from state.cluster import Cluster
from state.kinds import KINDS
from state.kinds.endpoint import Endpoints
from state.plan import Observation, Plan, scope
from state.problem import Problem


@dataclass(frozen=True)
class Program:
    """A loaded program."""

    name: str
    digest: str


@dataclass(frozen=True)
class Map:
    """How full a map is; `entries` is -1 where the kernel cannot count."""

    name: str
    entries: int
    capacity: int


@dataclass(frozen=True)
class Counter:
    """How many packets were passed or dropped for a reason."""

    reason: str
    direction: str
    packets: int


@dataclass(frozen=True)
class Datapath:
    """What the verb `status` answers (see `state.host.status`)."""

    missing: tuple[str, ...] = ()
    attach: str = ""
    epoch: int = 0
    programs: tuple[Program, ...] = ()
    maps: tuple[Map, ...] = ()
    counters: tuple[Counter, ...] = ()


@dataclass(frozen=True)
class Answer:
    """All that one host says."""

    hello: Hello
    seen: Observation
    datapath: Datapath


@dataclass(frozen=True)
class Report:
    """The hosts that answered, and the plan that would put every host right.

    `audited` are the endpoints, by host, whose policies are tried there and deny nothing, whatever the manifest says.
    """

    plan: Plan
    answers: Mapping[str, Answer]
    audited: Mapping[str, tuple[str, ...]]


def ask(fleet: Fleet, cluster: Cluster) -> Mapping[str, Row[Answer]]:
    """Every host, in one connection each."""

    def one(session: Session) -> Answer:
        seen = requests.observe(session, scope(cluster, session.name), KINDS)
        return Answer(session.hello, seen, wire.load(Datapath, session.call("status")))

    with progress.counting(len(fleet.hosts), "hosts observed") as finished:
        return fleet.each(one, finished=finished)


def report(cluster: Cluster, rows: Mapping[str, Row[Answer]], warnings: tuple[Problem, ...]) -> Report:
    """The answers, each compared with the manifest."""
    answers = {host: row.value for host, row in rows.items() if row.value is not None}
    seen = {host: Row(host, answers[host].seen if host in answers else None, row.error) for host, row in rows.items()}
    audited = {host: _audited(cluster, host, answer.seen) for host, answer in answers.items()}
    return Report(workflow.plan(cluster, seen, workflow.towards(cluster), warnings), answers, audited)


def _audited(cluster: Cluster, host: str, seen: Observation) -> tuple[str, ...]:
    """The audited endpoints of a host by name, by number where the manifest has none of that number."""
    names = {str(endpoint.id): endpoint.key for endpoint in cluster.endpoints_on(host)}
    entries = seen.found.get(Endpoints.name, {})
    found = [address for address, entry in entries.items() if entry.value.audit]
    return tuple(sorted(names.get(address, f"endpoint {address}") for address in found))
