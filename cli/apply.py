"""WORKSTATION: `netctl apply`: makes the changes of a plan, and proves that nothing of it is left."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cli.options import Format, Hosts, Lab, Labels, Yes

Given = Annotated[
    Path, typer.Argument(help="The manifest, or a plan saved by `netctl plan --out FILE`.", metavar="DIR|FILE")
]


def apply(
    given: Given = Path(),
    host: Hosts = [],  # noqa: B006  (Typer's own way to say: may be given several times)
    label: Labels = [],  # noqa: B006
    yes: Yes = False,
    output: Format = "text",
    lab: Lab = False,
) -> int:
    """Make the changes, after asking.

    A saved plan is refused on every host where something it touches has changed since; what it does not touch and
    differs from the manifest is told. Ctrl-C ends the current step and begins no other; the next plan shows exactly
    what is left.
    """
    from cli import ask, saved, workflow
    from cli.connect import connect
    from cli.execute import Speech, execute
    from state.phases import phases
    from state.plan import with_traffic

    ask.require_terminal(yes)
    kept = saved.read(given, lab) if given.is_file() else None
    if kept is not None:
        folder, cluster, warnings = kept.folder, kept.cluster, kept.plan.warnings
        host = host or [part.host for part in kept.plan.hosts]
    else:
        folder, (cluster, warnings) = given, workflow.validate(given, lab)
    compare, rows, beyond, speech = workflow.towards(cluster), workflow.NOT_ASKED, None, Speech()
    with connect(folder, cluster, host, label, lab) as fleet:
        if kept is not None:
            planned, speech = kept.plan.only(fleet.hosts), Speech(nothing="No changes. The saved plan is empty.")
            compare, beyond = workflow.within(kept.plan, compare), workflow.beyond(kept.plan, compare)
        else:
            rows = workflow.observe(fleet, cluster)
            planned = with_traffic(workflow.plan(cluster, rows, compare, warnings), cluster)
        steps = phases([part for part in planned.hosts if part.applicable], cluster)
        command, facts = f"netctl apply {given}", workflow.facts(rows)
        job = workflow.Job(cluster, planned, steps, compare, command, facts=facts, beyond=beyond)
        return execute(fleet, job, speech, yes, output)
