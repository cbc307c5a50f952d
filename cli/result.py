"""WORKSTATION: what came of applying a plan, host by host."""

from __future__ import annotations

from dataclasses import dataclass

from cli import exits
from state.change import Change
from state.problem import Problem


@dataclass(frozen=True)
class HostResult:
    """What came of one host's part.

    `outcome` is `applied`, `unchanged`, `failed` (perhaps half done), `refused` (nothing done: stale, locked, blocked),
    `unreachable`, `held back` (another host failed in the phase before), or, after Ctrl-C, `not begun` or `interrupted`
    (between two phases). `done` are the changes that the host shows now, `left` what still differs. Of a host with
    exit code 0 the `problems` are warnings.
    """

    host: str
    outcome: str
    done: tuple[Change, ...] = ()
    left: tuple[Change, ...] = ()
    problems: tuple[Problem, ...] = ()
    exit_code: int = exits.FINE


@dataclass(frozen=True)
class Result:
    """What came of a plan on every host, in name order."""

    cluster: str
    hosts: tuple[HostResult, ...]
    interrupted: bool = False

    @property
    def done(self) -> list[Change]:
        """The changes that were made."""
        return [change for host in self.hosts for change in host.done]

    @property
    def exit_code(self) -> int:
        """The worst of all hosts."""
        codes = [host.exit_code for host in self.hosts]
        return exits.worst([*codes, exits.INTERRUPTED] if self.interrupted else codes)
