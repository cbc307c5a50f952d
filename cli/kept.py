"""WORKSTATION: what takes long to find out, kept in the user's cache folder with the question it is the answer to.

As on a host (`state.host.kept`) it is believed only where the folder and the file are this user's alone, only whole,
and only to the very same question; anything else is as if nothing had been kept. With all of it deleted nothing changes
but the time taken.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import pickle
import secrets
from collections.abc import Generator
from dataclasses import dataclass
from typing import Any, Final

from inventory.cache import cache_folder

FEW: Final = 16
"""How many answers of one sort are kept: one is as large as its manifest."""
_SEAL: Final = 32
_NO_ANSWER: Final = (
    OSError,
    RuntimeError,
    pickle.UnpicklingError,
    AttributeError,
    EOFError,
    ImportError,
    LookupError,
    TypeError,
    ValueError,
)


@dataclass(frozen=True)
class Kept:
    """The answer to one question of a sort. An empty question is never answered, and its answer never kept."""

    sort: str
    question: str

    def recall(self) -> Any:
        """The answer, if there is one: None otherwise."""
        try:
            with self._private_folder() as folder, open(self._open(folder, os.O_RDONLY), "rb") as file:
                _require_private(file.fileno())
                data = file.read()
            return pickle.loads(data[_SEAL:]) if self.question and self._seal(data[_SEAL:]) == data[:_SEAL] else None
        except _NO_ANSWER:
            return None

    def keep(self, answer: object) -> None:
        """Keep an answer, whole or not at all."""
        if not self.question:
            return
        data = pickle.dumps(answer, pickle.HIGHEST_PROTOCOL)
        unfinished = f".{self._name}-{secrets.token_hex(4)}"
        with contextlib.suppress(OSError, RuntimeError):
            cache_folder().mkdir(mode=0o700, parents=True, exist_ok=True)
            with self._private_folder() as folder:
                flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
                with open(self._open(folder, flags, unfinished), "wb") as file:
                    file.write(self._seal(data) + data)
                os.replace(unfinished, self._name, src_dir_fd=folder, dst_dir_fd=folder)
                self._drop_old(folder)

    @property
    def _name(self) -> str:
        return f"{self.sort}-{hashlib.sha256(self.question.encode()).hexdigest()[:32]}"

    def _seal(self, data: bytes) -> bytes:
        """The digest of the question and an answer: another question's answer has another."""
        return hashlib.sha256(f"{self.sort}\0{self.question}\0".encode() + data).digest()

    @contextlib.contextmanager
    def _private_folder(self) -> Generator[int]:
        """The folder, opened, if it is this user's alone."""
        folder = os.open(cache_folder(), os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            _require_private(folder)
            yield folder
        finally:
            os.close(folder)

    def _open(self, folder: int, flags: int, name: str = "") -> int:
        return os.open(name or self._name, flags | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600, dir_fd=folder)

    def _drop_old(self, folder: int) -> None:
        """Remove the oldest answers of this sort."""
        names = [name for name in os.listdir(folder) if name.startswith((f"{self.sort}-", f".{self.sort}-"))]
        age = {name: os.stat(name, dir_fd=folder, follow_symlinks=False).st_mtime_ns for name in names}
        for name in sorted(names, key=age.__getitem__, reverse=True)[FEW:]:
            os.unlink(name, dir_fd=folder)


def _require_private(opened: int) -> None:
    """Raise PermissionError for what another user can write to, or made."""
    status = os.fstat(opened)
    if status.st_uid != os.geteuid() or status.st_mode & 0o077:
        raise PermissionError(opened)
