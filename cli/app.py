"""WORKSTATION: the command tree. Each command is a function in a file of its own; heavy imports stay inside them."""

from __future__ import annotations

import sys

import typer

app = typer.Typer(
    name="netctl",
    help="Networking for plain Linux hosts, planned and applied from a Git-tracked manifest.",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    add_completion=False,
)


def main() -> int:
    """Run the command line and return the exit code."""
    app()
    return 0


if __name__ == "__main__":
    sys.exit(main())
