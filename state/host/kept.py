"""HOST: answers that cost much and are asked for each time, kept on the host with what they are the answer to.

They stand in netctl's own folder, one file each; where that cannot be written, nothing is kept. Nobody needs to remove
an old one: it is the answer to another question.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Optional, cast

from state.host import private
from state.naming import RUN_FOLDER


class Kept:
    """The last answer of one sort."""

    def __init__(self, name: str, folder: str = RUN_FOLDER) -> None:
        self._name, self._folder = f"{name}.json", folder

    def recall(self, question: str) -> Optional[dict[str, Any]]:
        """What was answered, if that is what was asked last; never to an empty question."""
        try:
            read: object = json.loads((private.read(self._folder, self._name) or b"null").decode())
        except ValueError:
            return None
        kept = cast("dict[str, Any]", read) if isinstance(read, dict) else {}
        return kept if question and kept.get("question") == question else None

    def keep(self, question: str, answer: Mapping[str, Any]) -> None:
        """Keep an answer."""
        private.write(self._folder, self._name, json.dumps({"question": question, **answer}).encode())
