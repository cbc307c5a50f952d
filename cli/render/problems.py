"""WORKSTATION: problems as boxes: what is wrong, where it stands, why, and what to do next."""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Iterable, Iterator
from typing import Optional, TextIO

from cli.render.page import BAD, CARE, FAINT, STRONG, Line, Span, line, write
from state.problem import Problem

WIDTH = 100


def show(problems: Iterable[Problem], stream: Optional[TextIO] = None) -> None:
    """Print problems to standard error."""
    write(boxes(problems), stream or sys.stderr)


def boxes(problems: Iterable[Problem]) -> list[Line]:
    """The lines of one box for each problem."""
    return [text for problem in problems for text in _box(problem)]


def _box(problem: Problem) -> Iterator[Line]:
    style = BAD if problem.severity == "error" else CARE
    yield line(("╷", style))
    for spans in _content(problem, style):
        yield line(("│ " if spans else "│", style), *spans)
    yield line(("╵", style))


def _content(problem: Problem, style: str) -> Iterator[tuple[str | Span, ...]]:
    yield (f"{problem.severity.capitalize()}: ", style), (problem.summary, STRONG)
    if problem.source is not None:
        yield ()
        column = f", column {problem.source.column}" if problem.source.column else ""
        on = f" ({problem.address})" if problem.address else ""
        yield ((f"  on {problem.source.file} line {problem.source.line}{column}{on}:", ""),)
        if problem.snippet:
            yield from _snippet(problem.snippet, problem.source.line, problem.source.column)
    elif problem.address and problem.address not in problem.summary:
        yield ()
        yield ((f"  with {problem.address}", ""),)
    if problem.detail:
        yield ()
        for paragraph in problem.detail.splitlines():
            for part in textwrap.wrap(paragraph, WIDTH, break_long_words=False, break_on_hyphens=False) or [""]:
                yield ((part, ""),) if part else ()


def _snippet(snippet: str, number: int, column: int) -> Iterator[tuple[Span, ...]]:
    label = f"  {number}: "
    yield (label, FAINT), (snippet.rstrip("\n"), "")
    if column and "\n" not in snippet.rstrip("\n"):
        yield ((" " * (len(label) + column - 1) + "^", FAINT),)
