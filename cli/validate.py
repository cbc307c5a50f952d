"""WORKSTATION: `netctl validate`: is the manifest right? Needs no network and touches nothing."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from cli.options import Folder, Format

if TYPE_CHECKING:
    from state.lock_lines import Lock
    from state.manifest import Manifest
    from state.problem import Problem


def validate(folder: Folder = Path(), output: Format = "text") -> int:
    """Check the manifest: schema, references, ranges, lock file. Needs no network."""
    from cli import exits
    from cli.render import diagnostics
    from schemas import lockfile
    from schemas.loader import load
    from state.problem import ManifestError, errors

    lock, wrong = lockfile.examine(folder)
    summary = ""
    try:
        manifest, problems = load(folder)
        problems += wrong or _stale(manifest, lock)
        summary = diagnostics.counted(manifest)
    except ManifestError as error:
        problems = [*error.problems, *wrong]
    diagnostics.show(problems, summary, output)
    return exits.INVALID if errors(problems) else exits.FINE


def _stale(manifest: Manifest, lock: Lock) -> list[Problem]:
    """Where the lock file is not what the manifest needs: a warning, for plan refuses it and `netctl lock` mends it.

    What leaves no number to give is an error.
    """
    from dataclasses import replace

    from state import lock_check
    from state.lock import allocate
    from state.problem import ManifestError

    try:
        needed = allocate(manifest, lock)
    except ManifestError as error:
        return list(error.problems)
    return [replace(problem, severity="warning") for problem in lock_check.stale(manifest, lock, needed)]
