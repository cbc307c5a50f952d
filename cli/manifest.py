"""WORKSTATION: the manifest a command is about, valid and with its numbers; read once for each text it has.

A manifest that was found valid is kept (`cli.kept`), with the digest of every byte it was made of. So one that did not
change is not parsed and checked again. One that is not valid is: it is told from the start, each time.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from cli.edition import edition
from cli.kept import Kept
from schemas import folder as files
from state.cluster import Cluster
from state.problem import Problem


@dataclass(frozen=True)
class Valid:
    """A valid manifest, and what may be wrong with it all the same. `digest` is that of its text; it may be empty."""

    cluster: Cluster
    warnings: tuple[Problem, ...]
    digest: str = ""


def read(folder: Path, lab: bool = False) -> Valid:
    """The manifest with its numbers, and warnings. Raises ManifestError with everything that is wrong."""
    before = digest(folder, lab)
    kept = Kept("manifest", before)
    known = kept.recall()
    if isinstance(known, Valid):
        return known
    from schemas.loader import load_cluster

    cluster, warnings = load_cluster(folder, require_host_keys=not lab)
    # What was changed meanwhile has no name: nobody knows which of the two texts was read.
    found = Valid(cluster, tuple(warnings), before if before == digest(folder, lab) else "")
    if found.digest:
        kept.keep(found)
    return found


def digest(folder: Path, lab: bool) -> str:
    """A digest of all that a manifest is made of and that it is checked with; empty where that cannot be read."""
    contents = files.contents(folder)
    if contents is None:
        return ""
    found = hashlib.sha256(edition() + (b"lab" if lab else b"real"))
    for name, content in contents.items():
        found.update(f"{name}\0{len(content)}\0".encode() + content)
    return found.hexdigest()
