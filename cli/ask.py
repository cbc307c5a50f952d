"""WORKSTATION: asking a person before something changes."""

from __future__ import annotations

import sys

from state.problem import UsageError


def confirm(question: str, yes: bool) -> bool:
    """Whether to go on: `--yes`, or the word yes typed on a terminal. Without a terminal it is refused."""
    if yes:
        return True
    require_terminal(yes)
    print(f"\n{question}\n  Only 'yes' is accepted.\n\n  Answer: ", end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip() == "yes"


def require_terminal(yes: bool) -> None:
    """Refuse early, before anything is asked of a host, where nobody could answer."""
    if not yes and not sys.stdin.isatty():
        raise UsageError.of("there is no terminal to ask on", "Add --yes to go on without asking.")
