"""BOTH SIDES: what can be wrong, as values; and the one tree of exceptions that carry them.

NetctlError                 exit 1   something failed; `problems` says what, where, why and what to do next
|- UsageError               exit 64  the command line is wrong
|- ManifestError            exit 65  the manifest, its lock file or a saved plan is wrong
|- HostError                exit 3   one host could not do its part
   |- Unreachable           exit 4   no connection, no login, or an unknown host key
   |- Stale                 exit 6   the host has moved since the plan was made
   |- LockHeld              exit 7   somebody else is changing this host
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Optional


@dataclass(frozen=True)
class Source:
    """A place in the manifest: file relative to its folder, line and column counted from 1 (0: not known)."""

    file: str
    line: int
    column: int = 0

    def __str__(self) -> str:
        return f"{self.file}:{self.line}" if not self.column else f"{self.file}:{self.line}:{self.column}"


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong: `summary` in a line, `detail` says why and what to do next.

    `address` names the thing (`host alpha`, `route 10.42.2.0/24`); `snippet` is the offending line of the manifest as
    it stands there; `severity` is `error`, `warning` or `note`.
    """

    summary: str
    detail: str = ""
    address: str = ""
    source: Optional[Source] = None
    snippet: str = ""
    severity: str = "error"


class NetctlError(Exception):
    """Something failed, and `problems` can be shown to a person."""

    exit_code = 1

    def __init__(self, *problems: Problem) -> None:
        super().__init__("; ".join(problem.summary for problem in problems))
        self.problems = problems

    @classmethod
    def of(cls, summary: str, detail: str = "", address: str = "") -> NetctlError:
        """The error with a single problem."""
        return cls(Problem(summary, detail, address))


class UsageError(NetctlError):
    """The command line is wrong."""

    exit_code = 64


class ManifestError(NetctlError):
    """The manifest, its lock file or a saved plan is wrong."""

    exit_code = 65


class HostError(NetctlError):
    """One host could not do its part."""

    exit_code = 3


class Unreachable(HostError):
    """No connection, no login, or a host key that the manifest does not name."""

    exit_code = 4


class Stale(HostError):
    """The host has moved since the plan was made."""

    exit_code = 6


class LockHeld(HostError):
    """Somebody else is changing this host."""

    exit_code = 7


def errors(problems: Iterable[Problem]) -> list[Problem]:
    """The problems that stop, without the warnings."""
    return [problem for problem in problems if problem.severity == "error"]
