"""DATA: the problems found in a manifest, collected with the lines they stand on, so that all are told at once."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from typing import Optional

from state.problem import Problem, Source, errors


class Report:
    """Collects problems. It knows the text of every file, so each problem shows the line it is about.

    `incomplete` is set where a file could not be read to its end: then a name that is not found proves nothing.
    """

    def __init__(self) -> None:
        self._lines: dict[str, list[str]] = {}
        self._problems: list[Problem] = []
        self.incomplete = False

    def text(self, file: str, text: str) -> None:
        """Remember a file's text, for snippets."""
        self._lines[file] = text.splitlines()

    def error(self, source: Optional[Source], summary: str, detail: str = "", address: str = "") -> None:
        """Note something that stops."""
        self._problems.append(Problem(summary, detail, address, source, self.snippet(source)))

    def warning(self, source: Optional[Source], summary: str, detail: str = "", address: str = "") -> None:
        """Note something that is probably a mistake, but means something."""
        self._problems.append(Problem(summary, detail, address, source, self.snippet(source), "warning"))

    def add(self, problems: Iterable[Problem]) -> None:
        """Note problems found elsewhere, with their lines where they have none yet."""
        for found in problems:
            snippet = found.snippet or self.snippet(found.source)
            self._problems.append(
                Problem(found.summary, found.detail, found.address, found.source, snippet, found.severity)
            )

    def snippet(self, source: Optional[Source]) -> str:
        """The line at a place as it stands in the file."""
        lines = self._lines.get(source.file, []) if source else []
        return lines[source.line - 1].rstrip() if source and 0 < source.line <= len(lines) else ""

    @property
    def errors(self) -> list[Problem]:
        """All that stops, of what was found so far."""
        return errors(self._problems)

    @property
    def failed(self) -> bool:
        """Whether anything found so far stops."""
        return bool(self.errors)

    def sorted(self) -> list[Problem]:
        """All problems by file and line, each once."""
        return sorted(dict.fromkeys(self._problems), key=_place)


def _place(problem: Problem) -> tuple[bool, str, int, int]:
    source = problem.source or Source("", 0)
    return (problem.source is None, source.file, source.line, source.column)


def closest(word: str, known: Iterable[str]) -> str:
    """The known word that this one was probably meant to be; empty if none is close."""
    lower = {item.lower(): item for item in sorted(known)}
    close = difflib.get_close_matches(word.lower(), lower, n=1, cutoff=0.6)
    return lower[close[0]] if close else ""


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """`Did you mean "address"?` where a known word is close, else nothing."""
    found = closest(word, known)
    return f'Did you mean "{found}"?' if found else ""


def suggest(word: str, known: Sequence[str], what: str) -> str:
    """The closest known word, or all of them where there are few; `what` names them: `Known hosts`."""
    if found := did_you_mean(word, known):
        return found
    if not known:
        return f"{what}: none."
    return f"{what}: {', '.join(sorted(known))}." if len(known) <= 12 else ""
