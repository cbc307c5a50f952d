"""WORKSTATION: `netctl status`: how each host is. Changes nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cli.options import Folder, Format, Hosts, Lab, Labels

Detailed = Annotated[bool, typer.Option("--detailed-exitcode", help="Exit with 2 where a host has drifted.")]


def status(
    folder: Folder = Path(),
    host: Hosts = [],  # noqa: B006  (Typer's own way to say: may be given several times)
    label: Labels = [],  # noqa: B006
    output: Format = "text",
    detailed_exitcode: Detailed = False,
    lab: Lab = False,
) -> int:
    """Show each host: in sync or drifted, agent, kernel, programs, maps.

    A host has drifted where it is not what the manifest says; each difference names the line that wants it otherwise.
    """
    from cli import exits, report, show, workflow
    from cli.connect import connect

    cluster, warnings = workflow.validate(folder, lab)
    with connect(folder, cluster, host, label, lab) as fleet:
        rows = report.ask(fleet, cluster)
    shown = report.report(cluster, rows, warnings)
    show.report(shown, cluster, output)
    code = show.exit_code(shown.plan)
    return exits.worst([code, exits.CHANGES]) if detailed_exitcode and shown.plan.changes else code
