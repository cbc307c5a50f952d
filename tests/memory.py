"""What is told of a host by memory: the notes of a look once it has settled, and what is read beside them."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import Any
from unittest.mock import patch

from state.host.questions import Notes, same, taking_notes

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


_READING = {"open", "os.listdir", "os.scandir", "socket.__new__", "subprocess.Popen", "os.posix_spawn", "ctypes.dlopen"}
_ears: list[list[str]] = []
"""Who listens now, if anybody does: there is no way to remove an audit hook."""


def _hear(event: str, arguments: tuple[Any, ...]) -> None:
    if _ears and event in _READING:
        _ears[-1].append(f"{event} {arguments[:1]}")


sys.addaudithook(_hear)


def overheard(look: Callable[[], object]) -> list[str]:
    """What a look reads that is no question: Python's own events, with the first argument of each."""
    ask = Notes.ask

    def unheard(self: Notes, function: Callable[..., Any], words: tuple[Any, ...]) -> Any:
        _ears.append([])
        try:
            return ask(self, function, words)
        finally:
            _ears.pop()

    heard: list[str] = []
    with patch.object(Notes, "ask", unheard), taking_notes():
        _ears.append(heard)
        try:
            look()
        finally:
            _ears.pop()
    return heard
