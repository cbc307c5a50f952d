"""WORKSTATION: show a plan, ask, carry it out, show what came of it: what `apply` and `destroy` have in common."""

from __future__ import annotations

import sys

from cli import ask, exits, show, workflow
from cli.interrupt import Interrupt
from cli.workflow import Job
from inventory.fleet import Fleet


def execute(fleet: Fleet, job: Job, question: str, yes: bool, output: str) -> int:
    """Carry out a job, after asking, and return the exit code."""
    if output == "text":
        show.plan(job.plan, job.cluster, output)
    if job.plan.changes and not ask.confirm(question, yes):
        print("Cancelled. Nothing was changed.", file=sys.stderr)
        return exits.ERROR
    with Interrupt() as interrupt:
        result = workflow.apply(fleet, job, interrupt)
    if output != "text" or job.plan.changes:
        show.result(result, output)
    return result.exit_code
