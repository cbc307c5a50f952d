"""WORKSTATION: `netctl plan`: what would change on every host. Changes nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Optional

import typer

from cli.options import Folder, Hosts, Lab, Labels, PlanFormat

Out = Annotated[
    Optional[Path],
    typer.Option("--out", help="Save the plan, for `netctl apply FILE`.", metavar="FILE", dir_okay=False),
]
Detailed = Annotated[bool, typer.Option("--detailed-exitcode", help="Exit with 2 where there are changes.")]


def plan(
    folder: Folder = Path(),
    host: Hosts = [],  # noqa: B006  (Typer's own way to say: may be given several times)
    label: Labels = [],  # noqa: B006
    output: PlanFormat = "text",
    out: Out = None,
    detailed_exitcode: Detailed = False,
    lab: Lab = False,
) -> int:
    """Show what would change on every host.

    Nothing is changed. Every change names the line of the manifest that wants it; what is right already is hidden.
    """
    from cli import exits, manifest, saved, show, workflow
    from cli.connect import connect
    from cli.heard import Heard
    from state.plan import with_traffic

    if out is not None:
        saved.require_folder(out)
    valid = manifest.read(folder, lab)
    heard = Heard(valid.digest)
    with connect(folder, valid.cluster, host, label, lab) as fleet:
        seen = workflow.look(fleet, valid.cluster, heard)
    planned = workflow.plan(valid.cluster, seen, workflow.towards(valid.cluster), valid.warnings)
    heard.remember(planned.hosts)
    planned = with_traffic(planned, valid.cluster)
    show.plan(planned, valid.cluster, output)
    if out is not None:
        saved.write(out, folder, planned, lab)
    code = show.exit_code(planned)
    return exits.worst([code, exits.CHANGES]) if detailed_exitcode and planned.changes else code
