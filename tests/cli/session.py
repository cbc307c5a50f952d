"""Sessions as text: lines that begin with `$ netctl` are run, and what they print is what follows them.

Comments stay. What a command prints to standard error comes after its output, and so does an exit code that is not 0.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator

import pytest

from cli.app import main

PROMPT = "$ netctl "


def replay(text: str, capsys: pytest.CaptureFixture[str]) -> str:
    """The session as it goes today."""

    def run(words: list[str]) -> str:
        code = main(words)
        shown = capsys.readouterr()
        return shown.out + shown.err + (f"(exit code {code})\n" if code else "")

    return "".join(_parts(text, run))


def _parts(text: str, run: Callable[[list[str]], str]) -> Iterator[str]:
    """Comments and commands, a blank line before each but where a comment is followed by what it is about."""
    before, blank = "", False
    for line in text.splitlines(keepends=True):
        if line.startswith(PROMPT):
            yield ("\n" if before == "command" else "") + line + run(shlex.split(line.removeprefix(PROMPT)))
            before = "command"
        elif line.startswith("# "):
            yield ("\n" if before == "command" or (before and blank) else "") + line
            before = "comment"
        blank = not line.strip()
