"""WORKSTATION: `netctl validate`: is the manifest right? Needs no network and touches nothing."""

from __future__ import annotations

from pathlib import Path

from cli.options import Folder, Format


def validate(folder: Folder = Path(), output: Format = "text") -> int:
    """Check the manifest: schema, references, ranges, lock file. Needs no network."""
    from cli import exits
    from cli.render import diagnostics
    from schemas import load, lockfile
    from state import lock
    from state.problem import ManifestError, errors

    summary = ""
    try:
        manifest, problems = load(folder)
        cluster = lock.number(manifest, lockfile.read(folder))
        summary = diagnostics.counted(cluster)
    except ManifestError as error:
        problems = list(error.problems)
    diagnostics.show(problems, summary, output)
    return exits.INVALID if errors(problems) else exits.FINE
