"""WORKSTATION: `netctl lock`: writes, checks and mends netctl.lock."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cli.options import Folder
from state.lock_lines import FILE, Lock

Check = Annotated[bool, typer.Option("--check", help="Write nothing; fail if the file is stale or says a thing twice.")]
Prune = Annotated[
    bool, typer.Option("--prune", help="Forget retired identity numbers, once no host uses them any more.")
]


def lock(folder: Folder = Path(), check: Check = False, prune: Prune = False) -> int:
    """Write netctl.lock: the numbers and addresses that stay stable between runs.

    It keeps what is there and adds what is missing. It also mends a file that Git merged or left in conflict.
    """
    from cli import exits, moved
    from cli.render import problems
    from schemas import lockfile
    from schemas.loader import load, load_cluster
    from state import lock as locks
    from state.problem import UsageError

    if check and prune:
        raise UsageError.of("--check writes nothing, so it cannot --prune", "Give one of the two.")
    if check:
        problems.show(load_cluster(folder, require_host_keys=False)[1])
        print(f"{FILE} is up to date.")
        return exits.FINE
    manifest, warnings = load(folder, require_host_keys=False)
    problems.show(warnings)
    old = lockfile.read(folder, mend=True)
    new = locks.allocate(manifest, old)
    new = locks.prune(new) if prune else new
    written = lockfile.write(folder, new)
    problems.show(moved.told(manifest, old, new))
    print(_changes(old, new) if written else f"{FILE} is up to date.")
    return exits.FINE


def _changes(old: Lock, new: Lock) -> str:
    """What was written, in one line. Nothing is added where all was there, between a merge's markers or unsorted."""
    lines = {*new.slices, *new.seats, *new.identities}
    before = {*old.slices, *old.seats, *old.identities}
    added, removed = len(lines - before), len(before - lines)
    return f"{FILE} written: {added} lines added, {removed} removed, {len(lines & before)} kept."
