"""HOST: small files that netctl keeps for itself, in a folder that must be this user's alone: else there are none."""

from __future__ import annotations

import os

TYPE_CHECKING = False  # see `state.host.questions`
if TYPE_CHECKING:
    from typing import Optional


def read(folder: str, name: str) -> Optional[bytes]:
    """What is in a file; None where there is none to be believed."""
    try:
        place = _enter(folder)
        try:
            with open(os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=place), "rb") as file:
                return file.read()
        finally:
            os.close(place)
    except OSError:
        return None


def write(folder: str, name: str, data: bytes) -> None:
    """Write a file, as a whole or not at all; not where that cannot be."""
    unfinished = f"{name}.{os.getpid()}"
    try:
        place = _enter(folder)
        try:
            flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
            with open(os.open(unfinished, flags, 0o600, dir_fd=place), "wb") as file:
                file.write(data)
            os.rename(unfinished, name, src_dir_fd=place, dst_dir_fd=place)
        finally:
            os.close(place)
    except OSError:
        return


def _enter(folder: str) -> int:
    """A descriptor of the folder."""
    found = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    status = os.fstat(found)
    if status.st_uid != os.geteuid() or status.st_mode & 0o077:
        os.close(found)
        raise PermissionError(folder)
    return found
