"""DATA: reading and writing `netctl.lock` beside the manifest. What is in it is known in `state.lock_lines`."""

from __future__ import annotations

import os
from pathlib import Path

from state.lock_lines import FILE, Lock, parse, text
from state.problem import ManifestError, NetctlError, Problem, Source


def read(folder: Path, mend: bool = False) -> Lock:
    """The lock of a manifest, empty where there is no file. Raises ManifestError for one that cannot be read.

    `mend`: take both sides of what Git left as a conflict.
    """
    try:
        written = (folder / FILE).read_text(encoding="utf-8")
    except FileNotFoundError:
        return Lock()
    except OSError as error:
        raise ManifestError(Problem(f"{FILE} cannot be read", f"{error.strerror}.", source=Source(FILE, 1))) from error
    except UnicodeDecodeError as error:
        raise ManifestError(Problem(f"{FILE} is not UTF-8", source=Source(FILE, 1))) from error
    lock, problems = parse(written, mend)
    if problems:
        raise ManifestError(*problems)
    return lock


def write(folder: Path, lock: Lock) -> None:
    """Put the lock in its file, whole or not at all; a file that says so already is left alone."""
    path, new, wanted = folder / FILE, folder / f".{FILE}.new", text(lock)
    try:
        if path.exists() and path.read_bytes() == wanted.encode():
            return
        new.write_text(wanted, encoding="utf-8")
        os.replace(new, path)  # noqa: PTH105  (the same, and it says that it replaces)
    except OSError as error:
        raise NetctlError.of(f"{path} cannot be written", f"{error.strerror}.") from error
