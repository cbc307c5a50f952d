"""What was measured, line by line: the figure, what it is held against, their ratio, and the goal."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Optional

HEADS = ("what", "measured", "against", "ratio", "goal", "")
WIDTHS = (58, 13, 34, 8, 11, 6)


@dataclass(frozen=True)
class Line:
    """One figure. `ratio` is the figure by the peer's, or the peer's by the figure where `faster` is set.

    A goal without a peer is an absolute one, in the figure's own unit.
    """

    what: str
    figure: float
    unit: str
    peer: str = ""
    peers: float = 0.0
    at_most: Optional[float] = None
    at_least: Optional[float] = None

    @property
    def ratio(self) -> Optional[float]:
        """How the two compare: times as much, or times faster where the goal is a least factor."""
        if not self.peer:
            return None
        return self.peers / self.figure if self.at_least is not None else self.figure / self.peers

    @property
    def met(self) -> Optional[bool]:
        """Whether the goal is met; None where there is none."""
        value = self.figure if self.ratio is None else self.ratio
        if self.at_most is not None:
            return value <= self.at_most
        return None if self.at_least is None else value >= self.at_least

    def cells(self) -> tuple[str, ...]:
        """The line as words."""
        ratio, unit = self.ratio, "" if self.peer else f" {self.unit}"
        goal = ""
        if self.at_most is not None:
            goal = f"<= {self.at_most:g}{unit or 'x'}"
        elif self.at_least is not None:
            goal = f">= {self.at_least:g}{unit or 'x'}"
        against = f"{self.peer} {_number(self.peers)} {self.unit}" if self.peer else ""
        met = {True: "met", False: "MISSED", None: ""}[self.met]
        figure = f"{_number(self.figure)} {self.unit}"
        return self.what, figure, against, "" if ratio is None else f"{ratio:.2f}x", goal, met


def head(title: str) -> None:
    """Begin a part of the table."""
    print(f"\n{title}\n" + _row(HEADS), flush=True)


def show(line: Line) -> Line:
    """Print a line as soon as it is known."""
    print(_row(line.cells()), flush=True)
    return line


def note(text: str) -> None:
    """Print what explains the lines before it."""
    print(f"  {text}", flush=True)


def _row(cells: tuple[str, ...]) -> str:
    words = [cell.ljust(width) for cell, width in zip(cells, WIDTHS, strict=True)]
    return " ".join(words).rstrip()


def _number(value: float) -> str:
    return f"{value:.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"
