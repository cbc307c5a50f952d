"""WORKSTATION: `netctl schema`: the manifest's JSON Schema, for editors."""

from __future__ import annotations


def schema() -> None:
    """Print the JSON Schema of the manifest, for editors."""
    import sys

    from schemas import judge

    sys.stdout.write(judge.text())
