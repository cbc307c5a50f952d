"""DATA: reading and writing `netctl.lock` beside the manifest. What is in it is known in `state.lock_lines`."""

from __future__ import annotations

import os
from pathlib import Path

from state import lock_check
from state.lock_lines import FILE, Lock, parse, text
from state.problem import ManifestError, NetctlError, Problem, Source


def read(folder: Path, mend: bool = False) -> Lock:
    """The lock of a manifest, empty where there is no file. Raises ManifestError for one that cannot be read.

    `mend`: take both sides of what Git left as a conflict.
    """
    lock, problems = _read(folder, mend)
    if problems:
        raise ManifestError(*problems)
    return lock


def examine(folder: Path) -> tuple[Lock, list[Problem]]:
    """What can be read of a lock, and all that is wrong with it whatever the manifest says, in the order of its lines.

    A line that cannot be read does not hide that others say a thing twice.
    """
    lock, problems = _read(folder)
    problems += lock_check.duplicates(lock)
    return lock, sorted(problems, key=lambda problem: problem.source.line if problem.source else 0)


def _read(folder: Path, mend: bool = False) -> tuple[Lock, list[Problem]]:
    try:
        return parse((folder / FILE).read_text(encoding="utf-8"), mend)
    except (FileNotFoundError, NotADirectoryError):
        return Lock(), []
    except OSError as error:
        return Lock(), [Problem(f"{FILE} cannot be read", f"{error.strerror}.", source=Source(FILE, 1))]
    except UnicodeDecodeError:
        again = "Take the file from Git again: addresses and identity numbers are in it."
        return Lock(), [Problem(f"{FILE} is not UTF-8", again, source=Source(FILE, 1))]


def write(folder: Path, lock: Lock) -> bool:
    """Put the lock in its file, whole or not at all; False for a file that says so already, which is left alone."""
    path, new, wanted = folder / FILE, folder / f".{FILE}.new", text(lock)
    try:
        if path.exists() and path.read_bytes() == wanted.encode():
            return False
        new.write_text(wanted, encoding="utf-8")
        os.replace(new, path)  # noqa: PTH105  (the same, and it says that it replaces)
    except OSError as error:
        raise NetctlError.of(f"{path} cannot be written", f"{error.strerror}.") from error
    return True
