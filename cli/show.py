"""WORKSTATION: where a plan and its result go: standard output in the format asked for, problems to standard error."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from cli import exits
from cli.render import page, problems, terminal
from cli.render.words import Words
from state.cluster import Cluster
from state.plan import Kinds, Plan
from state.problem import Problem, errors

if TYPE_CHECKING:
    from cli.report import Report
    from cli.result import HostResult, Result

_HOST = "host "
_MOST = 5  # problems of one host that are told in full: a saved plan may find everything moved


def plan(plan: Plan, cluster: Cluster, output: str, nothing: str = terminal.NO_CHANGES) -> None:
    """Print a plan; where there is nothing to do, the sentence `nothing`."""
    words = Words(_named_kinds(plan), cluster)
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


def _named_kinds(plan: Plan) -> Kinds:
    """The kinds whose things are called by name: none where nothing changes, and they take long to import."""
    if not plan.changes:
        return ()
    from state.kinds import KINDS

    return KINDS


def _problems(plan: Plan) -> Iterator[tuple[str, Problem]]:
    """Each problem with its host's name; empty where it is no single host's."""
    yield from (("", problem) for problem in plan.warnings)
    yield from ((host.host, problem) for host in plan.hosts for problem in host.problems)


def _joined(found: Iterable[tuple[str, Problem]]) -> Iterator[Problem]:
    """The problems; what is wrong with several hosts in the same words is told once and names them all."""
    hosts: dict[Problem, dict[str, None]] = {}
    for host, problem in found:
        thing = "" if problem.address.startswith(_HOST) else problem.address
        hosts.setdefault(replace(problem, address=thing) if host else problem, {})[host] = None
    for problem, names in hosts.items():
        where = f"host{'' if len(names) == 1 else 's'} {', '.join(names)}"
        address = f"{problem.address} on {where}" if problem.address else where
        yield problem if "" in names else replace(problem, address=address)


def exit_code(plan: Plan) -> int:
    """What a plan's problems make of the exit code."""
    blocked = (exits.HOSTS_FAILED if errors(host.problems) else exits.FINE for host in plan.hosts)
    return exits.worst(host.exit_code or code for host, code in zip(plan.hosts, blocked, strict=True))


def report(report: Report, cluster: Cluster, output: str) -> None:
    """Print a status report."""
    words = Words(_named_kinds(report.plan), cluster)
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
    problems.show(_joined(item for host in result.hosts for item in _news(host, told)))


def _news(host: HostResult, told: set[tuple[str, Problem]]) -> Iterator[tuple[str, Problem]]:
    """What came of a host, and was not told with the plan."""
    news = [(host.host, problem) for problem in host.problems if (host.host, problem) not in told]
    yield from news[:_MOST]
    if news[_MOST:]:
        yield host.host, Problem(f"{len(news) - _MOST} more like these", "With --format json all of them are listed.")
