"""WORKSTATION: what netctl does with hosts, from top to bottom: validate, observe, plan, (confirm,) apply, verify.

A fleet answers with a row per host, a value or the error that befell it: one host failing never hides another.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from cli import exits, manifest, progress
from cli.interrupt import Interrupt
from cli.result import HostResult, Result
from inventory import requests
from inventory.fleet import Fleet, Row
from inventory.session import Session
from state.change import Change
from state.cluster import Cluster
from state.desired import desired
from state.facts import Facts
from state.plan import HostPlan, Kinds, Observation, Plan, for_host, scope
from state.problem import LockHeld, NetctlError, Problem, Stale, Unreachable

if TYPE_CHECKING:
    from cli.heard import Heard
    from state.phases import Phase  # a plan alone needs none

Rows = Mapping[str, Row[Observation]]
Looks = Mapping[str, Row["Observation | HostPlan"]]
NOT_ASKED: Rows = {}
NOBODY: Mapping[str, NetctlError] = {}
Compare = Callable[[str, Observation], HostPlan]


def kinds() -> Kinds:
    """All kinds. They take 30 ms to import, so nobody asks for them before there is something to compare."""
    from state.kinds import KINDS

    return KINDS


def validate(folder: Path, lab: bool = False) -> tuple[Cluster, tuple[Problem, ...]]:
    """The manifest with its numbers, and warnings. Raises ManifestError with everything that is wrong."""
    valid = manifest.read(folder, lab)
    return valid.cluster, valid.warnings


def observe(fleet: Fleet, cluster: Cluster, hosts: Sequence[str] | None = None) -> Rows:
    """What each host says of itself."""

    def ask(session: Session) -> Observation:
        return requests.observe(
            session, scope(cluster, session.name), kinds(), lambda facts: bulk(cluster, session.name, facts)
        )

    with progress.counting(len(fleet.hosts if hosts is None else hosts), "hosts observed") as finished:
        return fleet.each(ask, hosts, finished)


def look(fleet: Fleet, cluster: Cluster, heard: Heard) -> Looks:
    """What each host says of itself; of one that says what it said before, the plan that followed."""

    def ask(session: Session) -> Observation | HostPlan:
        host, asked = session.name, scope(cluster, session.name)
        reply = requests.outline(session, asked)
        if (known := heard.plan(host, reply)) is not None:
            return known
        seen = requests.completed(session, asked, kinds(), reply, lambda facts: bulk(cluster, host, facts))
        heard.note(host, reply, seen)
        return seen

    with progress.counting(len(fleet.hosts), "hosts observed") as finished:
        return fleet.each(ask, finished=finished)


def bulk(cluster: Cluster, host: str, facts: Facts) -> requests.Expected:
    """What a host should hold of bulk kinds: where it does, they need not cross the wire."""
    return desired([kind for kind in kinds() if kind.bulk], cluster, host, facts)


def facts(rows: Rows) -> dict[str, Facts]:
    """The facts of the hosts that answered."""
    return {host: row.value.facts for host, row in rows.items() if row.value is not None}


def plan(cluster: Cluster, rows: Looks, compare: Compare, warnings: tuple[Problem, ...] = ()) -> Plan:
    """What turns every host into what it should be; a host that could not be asked has its reason instead."""
    return Plan(cluster.name, tuple(_planned(row, compare) for _, row in sorted(rows.items())), warnings)


def _planned(row: Row[Observation | HostPlan], compare: Compare) -> HostPlan:
    if isinstance(row.value, HostPlan):
        return row.value
    if row.value is not None:
        return compare(row.host, row.value)
    assert row.error is not None
    return HostPlan(row.host, problems=row.error.problems, exit_code=row.error.exit_code)


def towards(cluster: Cluster) -> Compare:
    """What turns a host into what the manifest says: for the plan and, when it has been applied, for what is left."""
    return lambda host, seen: for_host(kinds(), cluster, host, seen)


def within(plan: Plan, compare: Compare) -> Compare:
    """The comparison, of what the plan touches alone: the rest of a host is not a saved plan's business."""
    return _limited(plan, compare, touched=True)


def beyond(plan: Plan, compare: Compare) -> Compare:
    """The comparison, of all that the plan does not touch: what a saved plan leaves as it is, and tells of."""
    return _limited(plan, compare, touched=False)


def _limited(plan: Plan, compare: Compare, touched: bool) -> Compare:
    planned = {(host.host, change.kind, change.address) for host in plan.hosts for change in host.changes}

    def limited(host: str, seen: Observation) -> HostPlan:
        found = compare(host, seen)
        kept = (item for item in found.changes if ((host, item.kind, item.address) in planned) is touched)
        return replace(found, changes=tuple(kept))

    return limited


@dataclass(frozen=True)
class Job:
    """A plan to carry out, phase by phase.

    `compare` says what is left afterwards; `command` is told to whoever waits for the lock; with `leave` nothing of
    netctl is to remain on the hosts. `facts` of the hosts, where known, spare large tables the way back. `beyond` says
    what differs that the plan does not touch, where that is not nothing by the plan's making.
    """

    cluster: Cluster
    plan: Plan
    phases: Sequence[Phase]
    compare: Compare
    command: str
    leave: bool = False
    facts: Mapping[str, Facts] = field(default_factory=dict[str, Facts])
    beyond: Compare | None = None

    def make(self, session: Session, changes: tuple[Change, ...]) -> Observation:
        """One host's part of a phase."""
        host, facts = session.name, self.facts.get(session.name)
        expected: requests.Expected = {}
        if facts is not None and not self.leave:
            expected = bulk(self.cluster, host, facts)
        wanted = scope(self.cluster, host)
        return requests.apply(session, wanted, kinds(), changes, self.command, expected, self.leave)


def apply(fleet: Fleet, job: Job, interrupt: Interrupt) -> Result:
    """Make the changes, then compare again: what is left is an error. All end a phase before any starts the next."""
    after: dict[str, Observation] = {}
    failed: dict[str, NetctlError] = {}
    for phase in job.phases:

        def make(session: Session, of: Phase = phase) -> Observation | None:
            changes = remaining(of.changes[session.name], after.get(session.name))
            return None if interrupt.requested else job.make(session, changes)

        with progress.counting(len(phase.changes), f"hosts through phase {phase.name}") as finished:
            rows = fleet.each(make, [host for host in phase.changes if host not in failed], finished)
        failed |= {host: row.error for host, row in rows.items() if row.error is not None}
        after.update({host: row.value for host, row in rows.items() if row.value is not None})
        if failed:  # no host begins a phase while another has not ended the one before
            break
    half_done = [host for host, error in failed.items() if outcome_of(error) == "failed"]
    for host in half_done:  # its agent may have died, or its connection
        fleet.hang_up(host)
    seen = observe(fleet, job.cluster, half_done) if half_done else NOT_ASKED
    after.update({host: row.value for host, row in seen.items() if row.value is not None})
    cut = interrupt.requested
    hosts = [verify(host, after.get(host.host), failed.get(host.host), job, cut, failed) for host in job.plan.hosts]
    if job.beyond is not None:
        hosts = _with_drift(fleet, job, job.beyond, hosts, after)
    return Result(job.cluster.name, tuple(hosts), cut)


def _with_drift(
    fleet: Fleet, job: Job, beyond: Compare, hosts: Sequence[HostResult], after: Mapping[str, Observation]
) -> list[HostResult]:
    """The results with a warning wherever a host that did its part is still not what the manifest says.

    Hosts of which the plan wants nothing have not been asked yet.
    """
    fine = {host.host for host in hosts if host.outcome in ("applied", "unchanged")}
    rows = observe(fleet, job.cluster, sorted(fine - after.keys())) if fine - after.keys() else NOT_ASKED
    seen = {**after, **{host: row.value for host, row in rows.items() if row.value is not None}}
    return [
        replace(host, problems=(*host.problems, *_drift(host.host, seen.get(host.host), beyond)))
        if host.host in fine
        else host
        for host in hosts
    ]


def _drift(host: str, seen: Observation | None, beyond: Compare) -> tuple[Problem, ...]:
    place = f"host {host}"
    if seen is None:
        summary = f"whether host {host} is what the manifest says is not known: it cannot be asked"
        return (Problem(summary, "The plan wants nothing of it. `netctl status` shows it.", place, severity="warning"),)
    changes = beyond(host, seen).changes
    if not changes:
        return ()
    return (
        Problem(
            f"host {host} is not what the manifest says, in what the saved plan does not touch",
            f"{_names(changes)}\n`netctl plan` shows it, and `netctl apply` of the manifest mends it.",
            place,
            severity="warning",
        ),
    )


def remaining(changes: tuple[Change, ...], seen: Observation | None) -> tuple[Change, ...]:
    """The changes of a phase, without the removal of what went with something else in a phase before."""
    if seen is None:
        return changes
    return tuple(change for change in changes if change.after is not None or change.address in seen.found[change.kind])


def verify(
    planned: HostPlan,
    after: Observation | None,
    error: NetctlError | None,
    job: Job,
    interrupted: bool = False,
    failed: Mapping[str, NetctlError] = NOBODY,
) -> HostResult:
    """What came of one host: of its plan nothing may be left. A host held back by others has their exit code."""
    host = planned.host
    if not planned.applicable:
        outcome = "unreachable" if planned.exit_code == exits.UNREACHABLE else "refused"
        return HostResult(host, outcome, (), planned.changes, planned.problems, planned.exit_code or exits.HOSTS_FAILED)
    left = planned.changes if after is None else job.compare(host, after).changes
    still = {(change.kind, change.address) for change in left}
    done = tuple(change for change in planned.changes if (change.kind, change.address) not in still)
    if error is not None:
        outcome = outcome_of(error) if after is None else "failed"
        return HostResult(host, outcome, done, left, error.problems, error.exit_code)
    held_back = HostResult(
        host,
        "held back",
        done,
        left,
        (_held_back(host, failed),),
        exits.worst(one.exit_code for one in failed.values()),
    )
    if after is None and failed and planned.changes:
        return held_back
    if after is None:
        return HostResult(host, "not begun" if planned.changes else "unchanged", done, left)
    if left and interrupted:
        return HostResult(host, "interrupted", done, left)
    if left and failed:
        return held_back
    if left:
        return HostResult(host, "failed", done, left, (_left(host, left),), exits.HOSTS_FAILED)
    return HostResult(host, "applied" if planned.changes else "unchanged", done)


def outcome_of(error: NetctlError) -> str:
    """In a word what an error means for a host: one that could not be reached or that refused was not changed."""
    if isinstance(error, Unreachable):
        return "unreachable"
    return "refused" if isinstance(error, (Stale, LockHeld)) else "failed"


def _held_back(host: str, failed: Iterable[str]) -> Problem:
    return Problem(
        f"host {host} did not go on, because {', '.join(sorted(failed))} failed",
        "Until all have learned what is new, none moves to it: what old and new policy both allow keeps passing.\n"
        "Mend the failed hosts, or leave them out with --host, and apply again: the next plan shows what is left.",
        f"host {host}",
    )


def _left(host: str, left: Sequence[Change]) -> Problem:
    return Problem(f"host {host} is not what the manifest says after the changes", _names(left), f"host {host}")


def _names(changes: Sequence[Change]) -> str:
    return "\n".join(f"{change.action.value} {change.kind} {change.address}" for change in changes)
