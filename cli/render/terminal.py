"""WORKSTATION: a plan for people, in Terraform's grammar.

alpha
  + route 10.42.2.0/24  device = nc-overlay, via = 10.42.2.1   # netctl.yaml:31
  ~ device nc-0001      mtu = 1500 -> 1450                     # netctl.yaml:52
-/+ device nc-overlay                                          # netctl.yaml:8
      ~ port = 4789 -> 8472   # forces replacement
      ~ mtu  = 1450 -> 1400
        # (3 unchanged fields hidden)
    # (41 unchanged hidden)

Plan: 2 to add, 1 to change, 1 to destroy.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from cli.render import traffic
from cli.render.fields import Field, Fields, fields
from cli.render.page import BAD, CARE, FAINT, GOOD, STRONG, Line, line
from cli.render.words import Words
from state.change import Action, Change, summary
from state.plan import HostPlan, Plan
from state.problem import errors

STYLES = {"+": GOOD, "~": CARE, "-/+": CARE, "-": BAD}
MEANINGS = {
    Action.CREATE: "create",
    Action.UPDATE: "update in-place",
    Action.REPLACE: "destroy and then create replacement",
    Action.DELETE: "destroy",
}
NO_CHANGES = "No changes. Every host is what the manifest says."
INLINE = 100  # a change is told in one line where its fields fit into this many columns
SUBJECT = 48  # names are aligned up to this width
COMMENT = 92  # and the lines of the manifest up to this one


def lines(plan: Plan, words: Words, nothing: str = NO_CHANGES) -> list[Line]:
    """The whole plan: legend, a section for each host, one for the traffic, summary."""
    page = [*_legend(plan.changes)]
    for host in plan.hosts:
        section = list(_host(host, words))
        page += section if len(section) == 1 else [*section, line()]
    for section in ([*traffic.lines(plan.traffic)], [*_closing(plan, nothing)]):
        page += [*([line()] if section and page and page[-1] else []), *section]
    return page


def total(changes: Iterable[Change]) -> str:
    """`3 to add, 1 to change, 0 to destroy`."""
    add, change, destroy = summary(tuple(changes))
    return f"{add} to add, {change} to change, {destroy} to destroy"


def _legend(changes: Iterable[Change]) -> Iterator[Line]:
    used = {change.action for change in changes}
    if used:
        yield line("netctl will perform the following actions, marked with these symbols:")
        for action, meaning in MEANINGS.items():
            if action in used:
                yield line((f"{action.value:>3}", STYLES[action.value]), f" {meaning}")
        yield line()


def _closing(plan: Plan, nothing: str) -> Iterator[Line]:
    left = [host.host for host in plan.hosts if host.exit_code]
    blocked = [host.host for host in plan.hosts if not host.exit_code and not host.applicable]
    if plan.changes:
        yield line(("Plan:", STRONG), f" {total(plan.changes)}.")
        yield from traffic.totals(plan.traffic)
    elif not left and not blocked:
        yield line((nothing, GOOD))
    elif len(left) + len(blocked) < len(plan.hosts):
        yield line(f"No changes on the {'other hosts' if blocked else 'hosts that could be asked'}.")
    if left:
        yield line(("Not planned:", BAD), f" {', '.join(left)}.")
    if blocked:
        yield line(("Blocked:", BAD), f" {', '.join(blocked)}.")


def _host(host: HostPlan, words: Words) -> Iterator[Line]:
    title = (host.host, STRONG)
    if host.exit_code:
        yield line(title, ": ", ("not planned: ", BAD), host.problems[0].summary if host.problems else "")
        return
    if not host.changes:
        yield line(title, f": no changes ({host.unchanged} unchanged)")
    else:
        yield line(title)
        yield from changes(host.changes, words)
        if host.unchanged:
            yield line((f"      # ({host.unchanged} unchanged hidden)", FAINT))
    for key in host.pending:
        yield line("  ! ", ("pending", CARE), f" {key}: its network namespace is not there yet")
    if stops := errors(host.problems):
        more = f" (and {len(stops) - 1} more)" if len(stops) > 1 else ""
        yield line("  ! ", ("blocked", BAD), f": {stops[0].summary}{more}")


def changes(changes: tuple[Change, ...], words: Words) -> Iterator[Line]:
    """Each change with its fields; subjects, fields and sources begin in the same column for all of them."""
    subjects = [f"{change.kind} {words.address(change.kind, change.address)}" for change in changes]
    parts = [fields(change, words) for change in changes]
    width = min(max(map(len, subjects)), SUBJECT)
    heads = [f"{subject:<{width}}  {_inline(part)}".rstrip() for subject, part in zip(subjects, parts, strict=True)]
    end = min(max(map(len, heads)), COMMENT)
    for change, part, head in zip(changes, parts, heads, strict=True):
        sign = (f"{change.action.value:>3} ", STYLES[change.action.value])
        source = (f"   # {change.source.file}:{change.source.line}", FAINT) if change.source else ""
        yield line(sign, f"{head:<{end}}", source)
        if not _inline(part):
            yield from _nested(part)


def _inline(part: Fields) -> str:
    """The fields in one line, or nothing where they need lines of their own."""
    text = part.inline()
    listed = any(len(field.items) > 1 or field.hidden for field in part.shown)
    return "" if listed or (part.hidden and len(part.shown) > 1) or len(text) > INLINE or _forces(part) else text


def _forces(part: Fields) -> bool:
    return any(field.forces for field in part.shown)


def _nested(part: Fields) -> Iterator[Line]:
    width = max((len(field.name) for field in part.shown), default=0)
    for field in part.shown:
        yield from _field(field, width)
    if part.hidden:
        yield line((f"        # {part.rest()}", FAINT))


def _field(field: Field, width: int) -> Iterator[Line]:
    sign = (f"      {field.sign} ", STYLES[field.sign])
    note = ("   # forces replacement", BAD) if field.forces else ""
    if not field.items:
        yield line(sign, f"{field.name:<{width}} = " if width else "", field.text, note)
        return
    yield line(sign, f"{field.name:<{width}} = [" if width else "[", note)
    for item_sign, text in field.items:
        yield line((f"          {item_sign} ", STYLES[item_sign]), text)
    if field.hidden:
        yield line((f"            # ({field.hidden} unchanged hidden)", FAINT))
    yield line("        ]")
