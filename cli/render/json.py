"""WORKSTATION: a plan for programs. The shape is Terraform's where Terraform has one, so that known tools map onto it.

    {"format_version": "1.1",      a new minor version only adds keys; refuse a major version you do not know
     "cluster": "shop",
     "hosts": [{"host": "alpha", "planned": true, "unchanged": 12, "fingerprint": "9f86..."}],
     "changes": [{"host": "alpha", "kind": "route", "address": "10.42.2.0/24", "description": "10.42.2.0/24",
                  "actions": ["create"],      or ["update"], ["delete", "create"], ["delete"]
                  "before": null, "after": {...},
                  "source": {"file": "netctl.yaml", "line": 31}}],       or null where nothing in the manifest wants it
     "summary": {"add": 1, "change": 0, "destroy": 0},
     "traffic": {...},             see `cli.render.json_traffic`; null where no change can touch a verdict
     "pending": [{"host": "beta", "endpoint": "shop/db-1"}],
     "errors": [{"host": "gamma", "summary": "...", "detail": "...", "address": "host gamma", "source": null}],
     "warnings": [...]}

`before` and `after` are values as netctl compares them, and beside numbers stands what they mean: in a peer `labels`
(of its identity) and `host_name`; in a policy's entry `peer_name` (labels, a CIDR or `any`) and `decided_by` (file:line
of the rule, or what is always so). `description` is the address in the manifest's words.

`host` is null for what concerns no single host. Hosts come in name order, changes by host in the order of kinds, then
by address: equal plans are equal texts.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any, Optional

from cli import exits
from cli.render import json_traffic
from cli.render.words import Words
from cli.report import Report
from cli.result import Result
from state import wire
from state.change import Action, Change, summary
from state.plan import FORMAT_VERSION, HostPlan, Plan
from state.problem import Problem, Source, errors

ACTIONS = {
    Action.CREATE: ["create"],
    Action.UPDATE: ["update"],
    Action.REPLACE: ["delete", "create"],
    Action.DELETE: ["delete"],
}


def document(plan: Plan, words: Words) -> dict[str, Any]:
    """The plan as JSON values."""
    add, change, destroy = summary(plan.changes)
    troubles = list(_problems(plan))
    return {
        "format_version": FORMAT_VERSION,
        "cluster": plan.cluster,
        "hosts": [
            {
                "host": host.host,
                "planned": not host.exit_code,
                "unchanged": host.unchanged,
                "fingerprint": host.fingerprint,
            }
            for host in plan.hosts
        ],
        "changes": [_change(host.host, item, words) for host in plan.hosts for item in host.changes],
        "summary": {"add": add, "change": change, "destroy": destroy},
        "traffic": None if plan.traffic is None else json_traffic.document(plan.traffic),
        "pending": [{"host": host.host, "endpoint": key} for host in plan.hosts for key in host.pending],
        "errors": [problem(item, host) for host, item in troubles if item.severity == "error"],
        "warnings": [problem(item, host) for host, item in troubles if item.severity != "error"],
    }


def text(value: Any) -> str:
    """JSON for a stream: indented, one final newline."""
    return json.dumps(value, indent=2, ensure_ascii=False) + "\n"


def problem(item: Problem, host: Optional[str] = None) -> dict[str, Any]:
    """A problem as JSON values."""
    return {
        "host": host,
        "summary": item.summary,
        "detail": item.detail,
        "address": item.address,
        "source": source(item.source),
    }


def problems(items: Iterable[Problem], host: Optional[str] = None) -> list[dict[str, Any]]:
    """Several problems of one host."""
    return [problem(item, host) for item in items]


def source(place: Optional[Source]) -> Optional[dict[str, Any]]:
    """A place in the manifest as JSON values."""
    return None if place is None else {"file": place.file, "line": place.line}


def _change(host: str, change: Change, words: Words) -> dict[str, Any]:
    return {
        "host": host,
        "kind": change.kind,
        "address": change.address,
        "description": words.address(change.kind, change.address),
        "actions": ACTIONS[change.action],
        "before": words.decoded(change.before),
        "after": words.decoded(change.after),
        "source": source(change.source),
    }


def _problems(plan: Plan) -> Iterator[tuple[Optional[str], Problem]]:
    yield from ((None, item) for item in plan.warnings)
    yield from ((host.host, item) for host in plan.hosts for item in host.problems)


def result(result: Result) -> dict[str, Any]:
    """What came of applying a plan: each host's `outcome` (see `cli.result`), changes done and left; the summary."""
    add, change, destroy = summary(result.done)
    return {
        "format_version": FORMAT_VERSION,
        "cluster": result.cluster,
        "hosts": [
            {
                "host": host.host,
                "outcome": host.outcome,
                "done": [_named(change) for change in host.done],
                "left": [_named(change) for change in host.left],
                "exit_code": host.exit_code,
            }
            for host in result.hosts
        ],
        "summary": {"add": add, "change": change, "destroy": destroy},
        "errors": [problem(item, host.host) for host in result.hosts for item in errors(host.problems)],
        "warnings": [
            problem(item, host.host) for host in result.hosts for item in host.problems if item.severity != "error"
        ],
        "interrupted": result.interrupted,
    }


def _named(change: Change) -> dict[str, Any]:
    return {"kind": change.kind, "address": change.address, "actions": ACTIONS[change.action]}


def report(report: Report, words: Words) -> dict[str, Any]:
    """A status report: the plan that would put the hosts right, and for each host what it says of itself."""
    planned = document(report.plan, words)
    hosts = [_condition(host, report, words) for host in report.plan.hosts]
    return {
        "format_version": FORMAT_VERSION,
        "cluster": report.plan.cluster,
        "hosts": hosts,
        "errors": planned["errors"],
        "warnings": planned["warnings"],
    }


def _condition(plan: HostPlan, report: Report, words: Words) -> dict[str, Any]:
    """One host: `reachable`, `in_sync`, and `changes` as in a plan; the rest is null where it cannot be observed.

    `audited` are the endpoints whose policies deny nothing there.
    """
    answer = report.answers.get(plan.host)
    said: dict[str, Any] = dict.fromkeys(("agent", "python", "kernel", "boot_id", "datapath", "audited"))
    if answer is not None:
        hello = answer.hello
        said = {
            "agent": hello.digest,
            "python": hello.python,
            "kernel": hello.kernel,
            "boot_id": hello.boot_id,
            "datapath": wire.dump(answer.datapath),
            "audited": list(report.audited[plan.host]),
        }
    return {
        "host": plan.host,
        "reachable": plan.exit_code != exits.UNREACHABLE,
        "in_sync": answer is not None and plan.in_sync,
        "changes": [_change(plan.host, item, words) for item in plan.changes],
        "unchanged": plan.unchanged,
        "pending": list(plan.pending),
        **said,
    }
