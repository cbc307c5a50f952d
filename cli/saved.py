"""WORKSTATION: a saved plan: one JSON file with the plan and the manifest it was made from; it needs nothing else."""

from __future__ import annotations

import json
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cli import workflow
from state import plan as plans
from state.cluster import Cluster
from state.kinds import KINDS
from state.plan import Plan
from state.problem import NetctlError


def write(path: Path, folder: Path, plan: Plan) -> None:
    """Save a plan. The file holds the manifest's text: who may read one may read the other."""
    from state.lock_lines import FILE

    names = [*_manifest_files(folder), *([FILE] if (folder / FILE).exists() else [])]
    files = {name: (folder / name).read_text() for name in names}
    saved = {**plans.dump(plan), "folder": str(folder.resolve()), "files": files}
    try:
        path.write_text(json.dumps(saved, indent=1) + "\n")
    except OSError as error:
        raise NetctlError.of(f"the plan cannot be written to {path}: {error.strerror}") from error


@dataclass(frozen=True)
class Saved:
    """A saved plan, the manifest it was made from, and the folder that stood in."""

    folder: Path
    cluster: Cluster
    plan: Plan


def read(path: Path, lab: bool) -> Saved:
    """What `write` saved. Raises NetctlError for anything else."""
    try:
        data: Any = json.loads(path.read_text())
    except (OSError, UnicodeDecodeError, ValueError) as error:
        raise NetctlError.of(f"{path} is not a plan that netctl saved", str(error)) from error
    plan = plans.load(KINDS, data)
    with tempfile.TemporaryDirectory(prefix="netctl-plan-") as folder:
        for name, text in data["files"].items():
            target = (Path(folder) / name).resolve()
            if not target.is_relative_to(Path(folder).resolve()):
                raise NetctlError.of(f"{path} is not a plan that netctl saved", f"It names a file outside: {name}")
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text)
        cluster, _ = workflow.validate(Path(folder), lab)
    return Saved(Path(data["folder"]), cluster, plan)


def _manifest_files(folder: Path) -> list[str]:
    from schemas.folder import find
    from schemas.report import Report

    return find(folder, Report())
