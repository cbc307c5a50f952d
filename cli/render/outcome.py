"""WORKSTATION: what came of a plan, for people: which hosts are done, which are not, and why."""

from __future__ import annotations

from collections.abc import Iterator

from cli.render.page import BAD, CARE, GOOD, STRONG, Line, line
from cli.result import HostResult, Result
from state.change import summary

STYLES = {"applied": GOOD, "unchanged": "", "not begun": CARE}


def lines(result: Result, name: str = "Apply") -> list[Line]:
    """A line for each host that tells anything, and the summary; `name` is the command's."""
    return [*(_host(host) for host in result.hosts if host.outcome != "unchanged"), *_closing(result, name)]


def _host(host: HostResult) -> Line:
    planned = len(host.done) + len(host.left)
    tail = {
        "applied": f"{len(host.done)} changes made",
        "failed": f"{len(host.left)} of {planned} changes are not there" if host.done else "see below what was made",
        "refused": f"nothing was changed ({host.problems[0].summary})" if host.problems else "nothing was changed",
        "unreachable": f"nothing was changed ({host.problems[0].summary})" if host.problems else "nothing was changed",
        "not begun": f"nothing was changed ({len(host.left)} changes are left)",
    }[host.outcome]
    return line((host.host, STRONG), ": ", (host.outcome, STYLES.get(host.outcome, BAD)), f", {tail}")


def _closing(result: Result, name: str) -> Iterator[Line]:
    add, change, destroy = summary(result.done)
    counts = f"{add} added, {change} changed, {destroy} destroyed"
    yield line()
    bad = [host.host for host in result.hosts if host.exit_code]
    if result.interrupted:
        yield line(("Interrupted.", CARE), f" Resources: {counts}. `netctl plan` shows what is left.")
    elif bad:
        yield line(
            (f"{name} incomplete.", BAD),
            f" Resources: {counts}. Not done: {', '.join(bad)}; `netctl plan` shows what is left.",
        )
    else:
        yield line((f"{name} complete!", GOOD), f" Resources: {counts}.")
