"""WORKSTATION: `netctl validate`: is the manifest right? Needs no network and touches nothing."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from cli.options import Folder, Format

if TYPE_CHECKING:
    from state.manifest import Manifest
    from state.problem import Problem


def validate(folder: Folder = Path(), output: Format = "text") -> int:
    """Check the manifest: schema, references, ranges, lock file. Needs no network."""
    from cli import exits
    from cli.render import diagnostics
    from schemas import load
    from state.problem import ManifestError, errors

    summary = ""
    try:
        manifest, problems = load(folder)
        problems += _of_the_lock(folder, manifest)
        summary = diagnostics.counted(manifest)
    except ManifestError as error:
        problems = list(error.problems)
    diagnostics.show(problems, summary, output)
    return exits.INVALID if errors(problems) else exits.FINE


def _of_the_lock(folder: Path, manifest: Manifest) -> list[Problem]:
    """What is wrong with the lock file. A stale one is a warning: plan refuses it, `netctl lock` mends it."""
    from dataclasses import replace

    from schemas import lockfile
    from state import lock_check
    from state.lock import allocate

    lock = lockfile.read(folder)
    stale = lock_check.stale(manifest, lock, allocate(manifest, lock))
    return lock_check.duplicates(lock) or [replace(problem, severity="warning") for problem in stale]
