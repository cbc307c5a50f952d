"""DATA: which files a manifest is made of, and their texts. The only place of this package that reads a disk."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Optional

from schemas.report import Report
from state.lock_lines import FILE
from state.problem import ManifestError, Problem, Source

MAIN = "netctl.yaml"
SUFFIXES = (".yaml", ".yml")
"""In capitals too: a policy in DENY.YAML must not be passed over in silence."""


def find(folder: Path, report: Report) -> list[str]:
    """The YAML files of a manifest, relative to its folder: netctl.yaml first, then the others by name."""
    if not folder.is_dir():
        raise ManifestError(Problem(f"{folder} is not a folder", f"A manifest is a folder with a {MAIN} in it."))
    if not (folder / MAIN).is_file():
        raise ManifestError(Problem(f"{folder} has no {MAIN}", "A manifest is a folder with that file in it."))
    found = sorted(_walk(folder, report))
    nested = [name for name in found if name != MAIN and name.rpartition("/")[2] == MAIN]
    for name in nested:
        report.error(
            Source(name, 1),
            f"a second {MAIN} inside the manifest",
            f"A manifest has one {MAIN}, at its top. Rename this file, or move it out of the folder.",
        )
    return [MAIN, *(name for name in found if name != MAIN and name not in nested)]


def _walk(folder: Path, report: Report) -> Iterator[str]:
    def unreadable(error: OSError) -> None:
        name = Path(error.filename).relative_to(folder).as_posix()
        report.error(Source(name, 1), f"the folder {name} cannot be read", f"{error.strerror}.")

    seen: set[str] = set()
    for parent, folders, names in os.walk(folder, onerror=unreadable, followlinks=True):
        if (real := os.path.realpath(parent)) in seen:  # a link back up, or a second way to the same folder
            folders.clear()
            continue
        seen.add(real)
        folders[:] = [name for name in folders if not name.startswith(".")]
        for name in names:
            if name.lower().endswith(SUFFIXES) and not name.startswith("."):
                yield (Path(parent) / name).relative_to(folder).as_posix()


def contents(folder: Path) -> Optional[dict[str, bytes]]:
    """All that a manifest may be made of, the lock file included, by name; None where something cannot be read."""
    report = Report()
    try:
        names = find(folder, report)
        lock = [FILE] if (folder / FILE).exists() else []
        if report.failed or not all((folder / name).is_file() for name in (*names, *lock)):
            return None
        return {name: (folder / name).read_bytes() for name in (*names, *lock)}
    except (ManifestError, OSError):
        return None


def narrowed(files: Sequence[str], patterns: Sequence[str]) -> list[str]:
    """Those of the files that `include` names; netctl.yaml always."""
    return [name for name in files if name == MAIN or any(matches(name, pattern) for pattern in patterns)]


def matches(name: str, pattern: str) -> bool:
    """Whether an `include` pattern names a file: by shell rules, or as a folder it lies in."""
    plain = pattern.removeprefix("./").rstrip("/")
    return fnmatchcase(name, plain) or name.startswith(plain + "/")


def read_text(folder: Path, name: str, report: Report) -> str:
    """A file's text; what keeps it from being read goes to the report."""
    path = folder / name
    if path.exists() and not path.is_file():  # reading a pipe or a device would wait for ever
        report.incomplete = True
        report.error(Source(name, 1), f"{name} is not a file")
        return ""
    try:
        data = path.read_bytes()
    except OSError as error:
        report.incomplete = True
        report.error(Source(name, 1), f"{name} cannot be read", f"{error.strerror}.")
        return ""
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        report.incomplete = True
        line = data.count(b"\n", 0, error.start) + 1
        report.error(
            Source(name, line),
            f"{name} is not UTF-8",
            f"The byte 0x{data[error.start]:02x} on line {line} is none. Save the file as UTF-8.",
        )
        return ""
    report.text(name, text)
    return text
