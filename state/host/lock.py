"""HOST: the lock on this host: one process at a time changes it. It dies with its process, so it can never stick."""

from __future__ import annotations

import fcntl
import json
import os
import time
from typing import Optional

from state.naming import RUN_FOLDER
from state.problem import LockHeld, Problem

NAME = "lock"


class Lock:
    """The lock of one host, in one folder; once taken it is held until the process ends."""

    def __init__(self, folder: str = RUN_FOLDER) -> None:
        self._folder = folder
        self._held: Optional[int] = None

    def take(self, who: str, command: str) -> None:
        """Take it, or say who has it: LockHeld. A second take by the same process succeeds."""
        while self._held is None:
            fd = self._open()
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                held_by = _read(fd)
                os.close(fd)
                raise LockHeld(_sentence(held_by)) from None
            if self._is_current(fd):
                self._held = fd
                _write(fd, who, command)
            else:
                os.close(fd)

    def _open(self) -> int:
        try:
            os.makedirs(self._folder, 0o700, exist_ok=True)
            flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
            return os.open(os.path.join(self._folder, NAME), flags, 0o600)
        except OSError:
            return self._open_parent()

    def _open_parent(self) -> int:
        """Where no file can be made, the folder itself, or the one it would be in, can still be locked."""
        folder = self._folder if os.path.isdir(self._folder) else os.path.dirname(self._folder)
        return os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)

    def _is_current(self, fd: int) -> bool:
        """Whether the file is still the one others would open: its last holder may have removed it."""
        if not os.fstat(fd).st_nlink:
            return False
        try:
            return os.path.samestat(os.fstat(fd), os.stat(os.path.join(self._folder, NAME), follow_symlinks=False))
        except FileNotFoundError:
            return True  # the folder stands in for the file


THE_LOCK = Lock()
"""The lock of the host this process runs on."""


def _write(fd: int, who: str, command: str) -> None:
    said = {"pid": os.getpid(), "who": who, "command": command, "since": time.strftime("%Y-%m-%d %H:%M:%S %z")}
    try:
        os.ftruncate(fd, 0)
        os.pwrite(fd, json.dumps(said).encode(), 0)
    except OSError:
        return  # a full disk takes the name from the lock, not the lock from its holder


def _read(fd: int) -> dict[str, object]:
    try:
        found: dict[str, object] = json.loads(os.pread(fd, 4096, 0) or b"{}")
    except (OSError, ValueError):
        return {}
    return found


def _sentence(held_by: dict[str, object]) -> Problem:
    if not held_by:
        return Problem("somebody else is changing this host", "Wait for them; the lock ends with their process.")
    return Problem(
        f"{held_by.get('who')} is changing this host: `{held_by.get('command')}` since {held_by.get('since')}",
        f"Wait until they are done. The lock is held by process {held_by.get('pid')} on the host and ends with it.",
    )
