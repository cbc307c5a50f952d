"""What a host is told of by memory: the notes of a look, taken once the host has settled."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from state.host.questions import same, taking_notes

Memory = list[tuple[str, str, tuple[Any, ...], bytes]]
_SETTLES = 10.0


def remembered(look: Callable[[], object]) -> Memory:
    """The notes of a look. A device that has just been made goes on changing for a moment, by itself.

    (Its carrier comes, its addresses end being tried.)
    """
    deadline = time.monotonic() + _SETTLES
    while True:
        with taking_notes() as notes:
            look()
        assert notes.whole
        if same(notes.lines()):
            return notes.lines()
        assert time.monotonic() < deadline, "this host is never the same"
