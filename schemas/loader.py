"""DATA: a folder of YAML as a Manifest. Every problem is told in one run."""

from __future__ import annotations

from pathlib import Path
from typing import Optional

from schemas import (
    build,
    check_addresses,
    check_assertions,
    check_names,
    check_network,
    check_ranges,
    documents,
    folder,
    intact,
    lockfile,
    positions,
    sections,
)
from schemas.positions import Node
from schemas.report import Report
from schemas.shape import shown
from state import lock
from state.cluster import Cluster
from state.manifest import Manifest
from state.policy import documents as policies
from state.problem import ManifestError, Problem, Source


def load(path: Path, require_host_keys: bool = True) -> tuple[Manifest, list[Problem]]:
    """The manifest in a folder, and warnings. Raises ManifestError with all problems, by file and line.

    `require_host_keys`: whether a host without a pinned key is an error. It is, wherever a real host will be reached.
    """
    report = Report()
    manifest = _read(path, report, require_host_keys)
    if report.failed:
        raise ManifestError(*report.sorted())
    return manifest, report.sorted()


def load_cluster(path: Path, require_host_keys: bool = True) -> tuple[Cluster, list[Problem]]:
    """The manifest in a folder with the numbers of its lock file, and warnings. A stale lock is a ManifestError too.

    What is wrong with the lock whatever the manifest says is told together with what is wrong with the manifest.
    """
    numbers, wrong = lockfile.examine(path)
    try:
        manifest, warnings = load(path, require_host_keys)
    except ManifestError as error:
        raise ManifestError(*error.problems, *wrong) from error
    if wrong:
        raise ManifestError(*warnings, *wrong)
    return lock.number(manifest, numbers), warnings


def _read(path: Path, report: Report, require_host_keys: bool) -> Manifest:
    parts, rest = _parse(path, report)
    unread = report.errors
    found = sections.gather(parts, report)
    manifest = build.manifest(found, documents.read(rest, report))
    if report.incomplete:
        return manifest
    sections.check_cluster(parts, report)
    check_names.check(found, manifest, report, require_host_keys)
    check_ranges.check(found, manifest, report)
    check_addresses.check(found, manifest, report)
    check_network.check(found, manifest, report)
    labels = intact.read(unread, [*parts, *rest]) and intact.labels(found)
    check_assertions.check(found, manifest, report, labels)
    told = policies.check(manifest, labels, labels and intact.ports(found))
    torn = {problem.source.file for problem in unread if problem.source is not None}
    report.add(item for item in told if item.severity == "error" or not (item.source and item.source.file in torn))
    return manifest


def _parse(path: Path, report: Report) -> tuple[list[Node], list[Node]]:
    """The YAML documents of all files: parts of the manifest, and policies."""
    names = folder.find(path, report)
    roots = _roots(path, folder.MAIN, report)
    names = _included(names, roots, report)
    for name in names[1:]:
        roots.extend(_roots(path, name, report))
    parts = [root for root in roots if not documents.is_policy(root)]
    return parts, [root for root in roots if documents.is_policy(root)]


def _roots(path: Path, name: str, report: Report) -> list[Node]:
    """The documents of one file that are mappings."""
    failed = report.failed
    text = folder.read_text(path, name, report)
    roots = [root for root in positions.read(text, name, report) if root.value is not None]
    for root in roots:
        if not isinstance(root.value, dict):
            report.error(root.source, f"expected a mapping at the top of {name}, not {shown(root)}")
    if not roots and name == folder.MAIN and report.failed == failed:
        report.error(Source(name, 1), f"{name} is empty", "It begins with: cluster: {name: shop, id: 1}")
    return [root for root in roots if isinstance(root.value, dict)]


def _included(names: list[str], roots: list[Node], report: Report) -> list[str]:
    include: Optional[Node] = next((root.fields["include"] for root in roots if "include" in root.fields), None)
    if include is None or not isinstance(include.value, list):
        return names
    for pattern in include.items:
        if pattern.text and not any(folder.matches(name, pattern.text) for name in names):
            report.error(pattern.source, f'"{pattern.text}" names no file', "Patterns are relative to this folder.")
    return folder.narrowed(names, [pattern.text for pattern in include.items if pattern.text])
