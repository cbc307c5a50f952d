"""WORKSTATION: what came of a plan, for people: which hosts are done, which are not, and why."""

from __future__ import annotations

from collections.abc import Iterator

from cli.render.page import BAD, CARE, GOOD, STRONG, Line, line
from cli.result import HostResult, Result
from state.change import summary

STYLES = {"applied": GOOD, "unchanged": "", "not begun": CARE, "interrupted": CARE, "held back": CARE}


def lines(result: Result, name: str = "Apply") -> list[Line]:
    """A line for each host that tells anything, and the summary; `name` is the command's."""
    return [*(_host(host) for host in result.hosts if host.outcome != "unchanged"), *_closing(result, name)]


def _host(host: HostResult) -> Line:
    made, left = _count(len(host.done), "change"), _count(len(host.left), "change")
    because = f" ({host.problems[0].summary})" if host.problems else ""
    tail = {
        "applied": f"{made} made",
        "failed": f"{made} made, {len(host.left)} left{because}",
        "interrupted": f"{made} made, {len(host.left)} left",
        "held back": f"{made} made, {len(host.left)} left{because}",
        "not begun": f"nothing was changed, {left} left",
    }.get(host.outcome, f"nothing was changed{because}")
    return line((host.host, STRONG), ": ", (host.outcome, STYLES.get(host.outcome, BAD)), f", {tail}")


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def _closing(result: Result, name: str) -> Iterator[Line]:
    add, change, destroy = summary(result.done)
    counts = f"{add} added, {change} changed, {destroy} destroyed"
    yield line()
    bad = [host.host for host in result.hosts if host.exit_code]
    if result.interrupted:
        yield line((f"{name} interrupted.", CARE), f" Resources: {counts}. `netctl plan` shows what is left.")
    elif bad:
        yield line(
            (f"{name} incomplete.", BAD),
            f" Resources: {counts}. Not done: {', '.join(bad)}; `netctl plan` shows what is left.",
        )
    else:
        yield line((f"{name} complete!", GOOD), f" Resources: {counts}.")
