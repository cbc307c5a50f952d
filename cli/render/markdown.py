"""WORKSTATION: a plan for a pull request: the summary above the fold, each host's changes folded below it."""

from __future__ import annotations

from collections.abc import Iterator

from cli.render import terminal, traffic
from cli.render.fields import Field, fields
from cli.render.words import Words
from state.change import Action, Change
from state.plan import HostPlan, Plan
from state.problem import Problem
from state.traffic import Traffic

# In a diff fence the first column colours the line.
MARKS = {Action.CREATE: "+", Action.UPDATE: "!", Action.REPLACE: "-/+", Action.DELETE: "-"}


def text(plan: Plan, words: Words) -> str:
    """The comment, as Markdown."""
    parts = [*_summary(plan), *_traffic(plan.traffic), *(line for host in plan.hosts for line in _host(host, words))]
    return "\n".join(parts) + "\n"


def _summary(plan: Plan) -> Iterator[str]:
    failed = [host for host in plan.hosts if not host.applicable]
    silent = [host for host in failed if host.exit_code]
    yield f"### netctl plan: `{plan.cluster}`"
    yield ""
    if plan.changes:
        touched = sum(bool(host.changes) for host in plan.hosts)
        yield f"**Plan: {terminal.total(plan.changes)}** on {touched} of {len(plan.hosts)} hosts."
    elif not failed:
        yield f"**{terminal.NO_CHANGES}**"
    elif len(failed) < len(plan.hosts):
        yield f"**No changes** on the {'hosts that could be asked' if len(silent) == len(failed) else 'other hosts'}."
    if plan.traffic is not None:
        yield ""
        yield f"**Traffic: {traffic.total(plan.traffic)}.**"
    remarks = list(_remarks(plan))
    yield from ["", *remarks] if remarks else []


def _remarks(plan: Plan) -> Iterator[str]:
    for problem in plan.warnings:
        yield _problem(problem)
    if plan.traffic is not None and plan.traffic.not_asked:
        yield f"- not asked: {traffic.unknown(plan.traffic)}"
    for host in plan.hosts:
        yield from (_problem(problem, host.host) for problem in host.problems)
        yield from (
            f"- pending on `{host.host}`: `{key}` (its network namespace is not there yet)" for key in host.pending
        )


def _problem(problem: Problem, host: str = "") -> str:
    on = f" on `{host}`" if host else ""
    where = f" (`{problem.source.file}:{problem.source.line}`)" if problem.source else ""
    return f"- **{problem.severity}**{on}: {problem.summary}{where}"


def _traffic(found: Traffic | None) -> Iterator[str]:
    """Above the fold: it is what a reviewer must see."""
    if found is None or not found.flows:
        return
    yield ""
    yield "```diff"
    for flow in found.flows[: traffic.MOST]:
        because = f"   # {traffic.rules(flow)}" if flow.rules else ""
        sign, doubt = "+" if flow.allowed else "-", "" if flow.certain else "   (an end was not asked)"
        yield f"{sign} {traffic.between(flow)}  {traffic.what(flow)}  {traffic.verdicts(flow)}{doubt}{because}"
    if more := len(found.flows) - traffic.MOST:
        yield from [f"# ({more} more; --format json lists them all)"] if more > 0 else []
    yield "```"


def _host(host: HostPlan, words: Words) -> Iterator[str]:
    if not host.changes:
        return
    yield ""
    yield f"<details><summary><code>{host.host}</code>: {terminal.total(host.changes)}</summary>"
    yield ""
    yield "```diff"
    for change in host.changes:
        yield from _change(change, words)
    if host.unchanged:
        yield f"# ({host.unchanged} unchanged hidden)"
    yield "```"
    yield "</details>"


def _change(change: Change, words: Words) -> Iterator[str]:
    source = f"   # {change.source.file}:{change.source.line}" if change.source else ""
    part = fields(change, words)
    subject = f"{MARKS[change.action]} {change.kind} {words.address(change.kind, change.address)}"
    inline = part.inline()
    if len(inline) <= terminal.INLINE and not any(len(field.items) > 1 or field.forces for field in part.shown):
        yield f"{subject}  {inline}{source}" if inline else f"{subject}{source}"
        return
    yield f"{subject}{source}"
    for field in part.shown:
        yield from _field(field)
    if part.hidden:
        yield f"#     {part.rest()}"


def _field(field: Field) -> Iterator[str]:
    mark = "!" if field.sign == "~" else field.sign
    note = "   # forces replacement" if field.forces else ""
    if not field.items:
        yield f"{mark}     {field.name} = {field.text}{note}"
        return
    yield f"{mark}     {field.name}:{note}"
    for sign, item in field.items:
        yield f"{sign}         {item}"
    if field.hidden:
        yield f"#         ({field.hidden} unchanged hidden)"
