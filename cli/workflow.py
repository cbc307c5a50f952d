"""WORKSTATION: what netctl does with hosts, from top to bottom: validate, observe, plan, (confirm,) apply, verify.

A fleet answers per host with a value or with the HostError that befell it: one host failing never hides another.
"""

from __future__ import annotations

import getpass
import socket
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol, TypeVar

from cli import exits
from cli.interrupt import Interrupt
from cli.result import HostResult, Result
from state import wire
from state.change import Change
from state.cluster import Cluster
from state.kinds import KINDS
from state.phases import Phase
from state.plan import HostPlan, Observation, Plan, for_host, observation, scope
from state.problem import HostError, LockHeld, Problem, Stale, Unreachable

T = TypeVar("T")
Compare = Callable[[str, Observation], HostPlan]
Answer = Observation | None
OBSERVE_DEADLINE = 60.0
APPLY_DEADLINE = 600.0


class Session(Protocol):
    """A conversation with the agent of one host."""

    def call(self, verb: str, body: Mapping[str, Any], deadline: float = ...) -> Mapping[str, Any]:
        """One request and its reply. Raises the HostError that the agent reports, or Unreachable."""
        ...


class Fleet(Protocol):
    """The sessions of the selected hosts."""

    def each(self, work: Callable[[str, Any], T], hosts: Sequence[str]) -> Mapping[str, T | HostError]:
        """The work done on each host, in parallel."""
        ...


def validate(folder: Path, lab: bool = False) -> tuple[Cluster, tuple[Problem, ...]]:
    """The manifest with its numbers, and warnings. Raises ManifestError with everything that is wrong."""
    from schemas import load_cluster

    cluster, warnings = load_cluster(folder, require_host_keys=not lab)
    return cluster, tuple(warnings)


def observe(fleet: Fleet, cluster: Cluster, hosts: Sequence[str]) -> Mapping[str, Observation | HostError]:
    """What each host says of itself."""

    def ask(host: str, session: Session) -> Observation:
        body = session.call("observe", {"scope": wire.dump(scope(cluster, host))}, OBSERVE_DEADLINE)
        return observation(KINDS, body)

    return fleet.each(ask, hosts)


def plan(
    cluster: Cluster,
    seen: Mapping[str, Observation | HostError],
    compare: Compare,
    warnings: tuple[Problem, ...] = (),
) -> Plan:
    """What turns every host into what it should be; a host that could not be asked has its reason instead."""

    def for_one(host: str) -> HostPlan:
        answer = seen[host]
        if isinstance(answer, HostError):
            return HostPlan(host, problems=answer.problems, exit_code=answer.exit_code)
        return compare(host, answer)

    return Plan(cluster.name, tuple(for_one(host) for host in sorted(seen)), warnings)


def towards(cluster: Cluster) -> Compare:
    """What turns a host into what the manifest says: for the plan and, when it has been applied, for what is left."""
    return lambda host, seen: for_host(KINDS, cluster, host, seen)


def within(plan: Plan, compare: Compare) -> Compare:
    """The comparison, of what the plan touches alone: the rest of a host is not a saved plan's business."""
    touched = {(host.host, change.kind, change.address) for host in plan.hosts for change in host.changes}

    def limited(host: str, seen: Observation) -> HostPlan:
        found = compare(host, seen)
        kept = (change for change in found.changes if (host, change.kind, change.address) in touched)
        return replace(found, changes=tuple(kept))

    return limited


@dataclass(frozen=True)
class Job:
    """A plan to carry out, phase by phase.

    `compare` says what is left afterwards; `command` is told to whoever waits for the lock; with `leave` nothing of
    netctl is to remain on the hosts.
    """

    cluster: Cluster
    plan: Plan
    phases: Sequence[Phase]
    compare: Compare
    command: str
    leave: bool = False

    def request(self, host: str, changes: tuple[Change, ...]) -> dict[str, Any]:
        """What the agent of one host is asked to do."""
        return {
            "scope": wire.dump(scope(self.cluster, host)),
            "changes": wire.dump(changes),
            "who": f"{getpass.getuser()}@{socket.gethostname()}",
            "command": self.command,
            "leave": self.leave,
        }


def apply(fleet: Fleet, job: Job, interrupt: Interrupt) -> Result:
    """Make the changes, then compare once more: what is left is an error. All end a phase before any starts the next."""
    after: dict[str, Observation] = {}
    failed: dict[str, HostError] = {}
    for phase in job.phases:

        def make(host: str, session: Session, changes: Mapping[str, tuple[Change, ...]] = phase.changes) -> Answer:
            if interrupt.requested:
                return None
            return _make(session, job.request(host, changes[host]))

        answers = fleet.each(make, [host for host in phase.changes if host not in failed])
        for host, answer in answers.items():
            if isinstance(answer, HostError):
                failed[host] = answer
            elif answer is not None:
                after[host] = answer
    hosts = (verify(host, after.get(host.host), failed.get(host.host), job) for host in job.plan.hosts)
    return Result(job.cluster.name, tuple(hosts), interrupt.requested)


def _make(session: Session, request: Mapping[str, Any]) -> Observation:
    return observation(KINDS, session.call("apply", request, APPLY_DEADLINE))


def verify(planned: HostPlan, after: Observation | None, error: HostError | None, job: Job) -> HostResult:
    """What came of one host: of its plan nothing may be left."""
    host = planned.host
    if error is not None:
        return HostResult(host, _outcome(error), (), planned.changes, error.problems, error.exit_code)
    if not planned.applicable:
        outcome = "unreachable" if planned.exit_code == exits.UNREACHABLE else "refused"
        return HostResult(host, outcome, (), planned.changes, planned.problems, planned.exit_code or exits.HOSTS_FAILED)
    if after is None:
        return HostResult(host, "not begun" if planned.changes else "unchanged", (), planned.changes)
    left = job.compare(host, after).changes
    still = {(change.kind, change.address) for change in left}
    done = tuple(change for change in planned.changes if (change.kind, change.address) not in still)
    if left:
        return HostResult(host, "failed", done, left, (_left(host, left),), exits.HOSTS_FAILED)
    return HostResult(host, "applied" if planned.changes else "unchanged", done)


def _outcome(error: HostError) -> str:
    if isinstance(error, Unreachable):
        return "unreachable"
    return "refused" if isinstance(error, (Stale, LockHeld)) else "failed"


def _left(host: str, left: Sequence[Change]) -> Problem:
    names = "\n".join(f"{change.action.value} {change.kind} {change.address}" for change in left)
    return Problem(f"host {host} is not what the manifest says after the changes", names, f"host {host}")
