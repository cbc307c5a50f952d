"""WORKSTATION: where a plan and its result go: standard output in the format asked for, problems to standard error."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from dataclasses import replace

from cli import exits
from cli.render import page, problems, terminal
from cli.render.words import Words
from cli.report import Report
from cli.result import Result
from state.cluster import Cluster
from state.kinds import KINDS
from state.plan import Plan
from state.problem import Problem, errors

_HOST = "host "


def plan(plan: Plan, cluster: Cluster, output: str, nothing: str = terminal.NO_CHANGES) -> None:
    """Print a plan; where there is nothing to do, the sentence `nothing`."""
    words = Words(KINDS, cluster)
    if output == "json":
        from cli.render import json

        sys.stdout.write(json.text(json.document(plan, words)))
    elif output == "markdown":
        from cli.render import markdown

        sys.stdout.write(markdown.text(plan, words))
    else:
        page.write(terminal.lines(plan, words, nothing), sys.stdout)
    if output != "json":
        sys.stdout.flush()
        problems.show(_joined(_problems(plan)))


def _problems(plan: Plan) -> Iterator[Problem]:
    yield from plan.warnings
    for host in plan.hosts:
        yield from host.problems


def _joined(problems: Iterable[Problem]) -> Iterator[Problem]:
    """The problems; what is wrong with several hosts in the same words is told once and names them all."""
    hosts: dict[Problem, list[str]] = {}
    for problem in problems:
        where = problem.address.removeprefix(_HOST) if problem.address.startswith(_HOST) else ""
        hosts.setdefault(replace(problem, address="") if where else problem, []).append(where)
    for problem, names in hosts.items():
        one = len(names) == 1
        yield problem if not names[0] else replace(problem, address=f"host{'' if one else 's'} {', '.join(names)}")


def exit_code(plan: Plan) -> int:
    """What a plan's problems make of the exit code."""
    blocked = (exits.HOSTS_FAILED if errors(host.problems) else exits.FINE for host in plan.hosts)
    return exits.worst(host.exit_code or code for host, code in zip(plan.hosts, blocked, strict=True))


def report(report: Report, cluster: Cluster, output: str) -> None:
    """Print a status report."""
    words = Words(KINDS, cluster)
    if output == "json":
        from cli.render import json

        sys.stdout.write(json.text(json.report(report, words)))
        return
    from cli.render import condition

    page.write(condition.lines(report, words), sys.stdout)
    problems.show(_joined(_problems(report.plan)))


def result(result: Result, plan: Plan, output: str, name: str) -> None:
    """Print what came of a plan; `name` is the command's. Problems that the plan told already are not told again."""
    if output == "json":
        from cli.render import json

        sys.stdout.write(json.text(json.result(result)))
        return
    from cli.render import outcome

    page.write(outcome.lines(result, name), sys.stdout)
    told = set(_problems(plan))
    problems.show(problem for host in result.hosts for problem in host.problems if problem not in told)
