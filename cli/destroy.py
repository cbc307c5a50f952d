"""WORKSTATION: `netctl destroy`: removes everything that is netctl's, and leaves each host as it was found."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from cli.options import Folder, Format, Hosts, Lab, Labels, Yes


def destroy(
    folder: Folder = Path(),
    host: Hosts = [],  # noqa: B006  (Typer's own way to say: may be given several times)
    label: Labels = [],  # noqa: B006
    yes: Yes = False,
    output: Format = "text",
    lab: Lab = False,
) -> int:
    """Remove everything netctl put on the hosts, after asking.

    Each host is left as it was found: what netctl overwrote gets its old value back, and its own files go last.
    """
    from cli import ask, workflow
    from cli.connect import connect
    from cli.execute import Speech, execute
    from state.kinds import KINDS
    from state.phases import Phase
    from state.plan import for_removal

    speech = Speech(
        "Do you want to remove all of this? The endpoints' traffic ends, and there is no undo.",
        "No changes. Nothing of netctl's is on the hosts.",
        "Destroy",
    )
    ask.require_terminal(yes)
    cluster, warnings = workflow.validate(folder, lab)
    compare = partial(for_removal, KINDS)
    with connect(folder, cluster, host, label, lab) as fleet:
        planned = workflow.plan(cluster, workflow.observe(fleet, cluster), compare, warnings)
        whole = Phase("destroy", {part.host: part.changes for part in planned.hosts if part.applicable})
        job = workflow.Job(cluster, planned, (whole,), compare, f"netctl destroy {folder}", leave=True)
        return execute(fleet, job, speech, yes, output)
