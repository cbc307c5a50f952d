"""WORKSTATION: lines of styled text, and the only place that colours them: where a terminal wants it, by rich.

Renderers are pure: they make lines. A line is a tuple of spans; a span is a text and a style (empty: plain).
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import TextIO

Span = tuple[str, str]
Line = tuple[Span, ...]

GOOD, BAD, CARE, STRONG, FAINT = "green", "red", "yellow", "bold", "bright_black"


def line(*parts: str | Span) -> Line:
    """A line of plain texts and styled spans."""
    return tuple((part, "") if isinstance(part, str) else part for part in parts)


def text(lines: Iterable[Line]) -> str:
    """The lines without their styles."""
    return "".join("".join(part for part, _ in spans).rstrip() + "\n" for spans in lines)


def write(lines: Iterable[Line], stream: TextIO) -> None:
    """Print the lines, in colour only on a terminal that wants it (NO_COLOR and FORCE_COLOR are heeded)."""
    if not _wants_colour(stream):
        stream.write(text(lines))
        stream.flush()
        return
    from rich.console import Console
    from rich.text import Text

    console = Console(file=stream, highlight=False, emoji=False, markup=False)
    for spans in lines:
        console.print(Text.assemble(*spans), soft_wrap=True)


def _wants_colour(stream: TextIO) -> bool:
    if os.environ.get("NO_COLOR"):
        return False
    return bool(os.environ.get("FORCE_COLOR")) or (stream.isatty() and os.environ.get("TERM") != "dumb")
