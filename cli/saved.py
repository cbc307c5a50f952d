"""WORKSTATION: a saved plan: one JSON file with the plan and the manifest it was made from; it needs nothing else."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from cli import exits, workflow
from state import plan as plans
from state.cluster import Cluster
from state.plan import Plan
from state.problem import ManifestError, NetctlError, Problem, UsageError


def require_folder(path: Path) -> None:
    """Refuse early, before anything is asked of a host, where the plan could not be saved."""
    if not path.parent.is_dir():
        raise UsageError.of(f"there is no folder {path.parent} to save the plan in", "Make it, or name another FILE.")


def write(path: Path, folder: Path, plan: Plan, lab: bool) -> None:
    """Save a plan. The file holds the manifest's text: who may read one may read the other."""
    from state.lock_lines import FILE

    names = [*_manifest_files(folder), *([FILE] if (folder / FILE).exists() else [])]
    files = {name: (folder / name).read_text(encoding="utf-8") for name in names}
    saved = {**plans.dump(plan), "folder": str(folder.resolve()), "lab": lab, "files": files}
    try:
        path.write_text(json.dumps(saved, indent=1) + "\n", encoding="utf-8")
    except OSError as error:
        raise NetctlError.of(f"the plan cannot be written to {path}: {error.strerror}") from error


@dataclass(frozen=True)
class Saved:
    """A saved plan, the manifest it was made from, and the folder that stood in."""

    folder: Path
    cluster: Cluster
    plan: Plan


def read(path: Path, lab: bool) -> Saved:
    """What `write` saved. Raises ManifestError for anything else, and UsageError for a plan of other hosts."""
    data = _content(path)
    if data["lab"] != lab:
        made, how = ("the lab", "Add --lab.") if data["lab"] else ("the real hosts", "Leave --lab away.")
        raise UsageError.of(f"{path} is a plan for {made}", how)
    try:
        plan = plans.load(workflow.kinds(), data)
    except ManifestError as error:
        raise ManifestError(*(replace(problem, address=str(path)) for problem in error.problems)) from error
    cluster = _manifest(path, data["files"], lab)
    _require_fitting(path, plan, cluster)
    return Saved(Path(data["folder"]), cluster, plan)


def _manifest(path: Path, files: Mapping[str, str], lab: bool) -> Cluster:
    """The manifest that the plan was made from, as it was."""
    with tempfile.TemporaryDirectory(prefix="netctl-plan-") as folder:
        try:
            for name, text in files.items():
                target = (Path(folder) / name).resolve()
                if not target.is_relative_to(Path(folder).resolve()):
                    raise _no_plan(path, f"It names a file outside: {name}")
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_text(text, encoding="utf-8")
        except (OSError, ValueError) as error:
            raise _no_plan(path, "Its manifest has a file with an impossible name or text.") from error
        try:
            return workflow.validate(Path(folder), lab)[0]
        except ManifestError as error:
            inside = _no_plan(path, "The manifest in it is not valid: it was edited, or another netctl saved it.")
            raise ManifestError(*inside.problems, *error.problems) from error


def _require_fitting(path: Path, plan: Plan, cluster: Cluster) -> None:
    """Refuse a plan that is not of its own manifest: what it would do, and to whom, nobody has ever seen."""
    if plan.cluster != cluster.name:
        raise _no_plan(path, f"It is for cluster {plan.cluster}, and its manifest for {cluster.name}.")
    if unknown := sorted({host.host for host in plan.hosts} - cluster.hosts.keys()):
        raise _no_plan(path, f"Its manifest has no host {', '.join(unknown)}.")
    if not plan.hosts and cluster.hosts:
        raise _no_plan(path, "It names no host, so it would do nothing.")
    if odd := [host.host for host in plan.hosts if host.exit_code not in exits.WORST_FIRST]:
        raise _no_plan(path, f"The exit code of host {odd[0]} is none of netctl's.")


def _content(path: Path) -> Any:
    try:
        data: Any = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise NetctlError.of(f"{path} cannot be read", f"{error.strerror}.") from error
    except (ValueError, RecursionError) as error:
        raise _no_plan(path, f"It is not JSON: {error}.") from error
    try:
        texts: list[object] = [data["folder"], *data["files"], *data["files"].values()]
    except (KeyError, TypeError, AttributeError) as error:
        raise _no_plan(path, "It has no manifest in it.") from error
    if not isinstance(data.get("lab"), bool) or not all(isinstance(text, str) for text in texts):
        raise _no_plan(path, "It was edited, or another version of netctl saved it.")
    return data


def _no_plan(path: Path, why: str) -> ManifestError:
    return ManifestError(Problem(f"{path} is not a plan that netctl saved", f"{why} {plans.AGAIN}"))


def _manifest_files(folder: Path) -> list[str]:
    from schemas.folder import find
    from schemas.report import Report

    return find(folder, Report())
