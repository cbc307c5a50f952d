"""WORKSTATION: show a plan, ask, carry it out, show what came of it: what `apply` and `destroy` have in common."""

from __future__ import annotations

import sys
from dataclasses import dataclass

from cli import ask, exits, show, workflow
from cli.interrupt import Interrupt
from cli.render.terminal import NO_CHANGES
from cli.workflow import Job
from inventory.fleet import Fleet


@dataclass(frozen=True)
class Speech:
    """What is said around a plan: the question, the sentence for an empty plan, and the headings of the result."""

    question: str = "Do you want to make these changes?"
    nothing: str = NO_CHANGES
    name: str = "Apply"


def execute(fleet: Fleet, job: Job, speech: Speech, yes: bool, output: str) -> int:
    """Carry out a job, after asking, and return the exit code."""
    if output == "text":
        show.plan(job.plan, job.cluster, output, speech.nothing)
    if job.plan.changes and not ask.confirm(speech.question, yes):
        print("Cancelled. Nothing was changed.", file=sys.stderr)
        return exits.ERROR
    with Interrupt() as interrupt:
        result = workflow.apply(fleet, job, interrupt)
    if output != "text" or job.plan.changes or result.exit_code or any(host.problems for host in result.hosts):
        show.result(result, job.plan, output, speech.name)
    return result.exit_code
