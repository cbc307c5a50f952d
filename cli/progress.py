"""WORKSTATION: how far a command is, on standard error: a line that counts on a terminal, silence elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any


@contextmanager
def counting(total: int, what: str) -> Generator[Callable[[Any], None]]:
    """A function to call for each one that is finished."""
    if not sys.stderr.isatty():
        yield lambda _: None
        return
    done = 0

    def finished(_: Any) -> None:
        nonlocal done
        done += 1
        print(f"\r\x1b[K{done}/{total} {what}", end="", file=sys.stderr, flush=True)

    try:
        yield finished
    finally:
        print("\r\x1b[K", end="", file=sys.stderr, flush=True)
