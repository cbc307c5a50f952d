"""HOST: answers that cost much and are asked for each time, kept on the host with what they are the answer to.

They stand in netctl's own folder, one file each; where that cannot be written, or is not this user's alone, nothing is
kept. Nobody needs to remove an old one: it is the answer to another question.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from typing import Any, Optional, cast

from state.naming import RUN_FOLDER


class Kept:
    """The last answer of one sort."""

    def __init__(self, name: str, folder: str = RUN_FOLDER) -> None:
        self._name, self._folder = f"{name}.json", folder

    def recall(self, question: str) -> Optional[dict[str, Any]]:
        """What was answered, if that is what was asked last; never to an empty question."""
        try:
            with open(self._open(os.O_RDONLY)) as file:
                read: object = json.load(file)
        except (OSError, ValueError):
            return None
        kept = cast("dict[str, Any]", read) if isinstance(read, dict) else {}
        return kept if question and kept.get("question") == question else None

    def keep(self, question: str, answer: Mapping[str, Any]) -> None:
        """Keep an answer."""
        try:
            with open(self._open(os.O_WRONLY | os.O_CREAT | os.O_TRUNC), "w") as file:
                file.write(json.dumps({"question": question, **answer}))
        except OSError:
            return

    def _open(self, flags: int) -> int:
        """The file, if the folder is this user's alone."""
        folder = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        try:
            status = os.fstat(folder)
            if status.st_uid != os.geteuid() or status.st_mode & 0o077:
                raise PermissionError(self._folder)
            return os.open(self._name, flags | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600, dir_fd=folder)
        finally:
            os.close(folder)
