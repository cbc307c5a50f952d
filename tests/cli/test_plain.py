"""Words that are taken without Typer's own reader are taken for what it takes them for."""

from __future__ import annotations

from enum import Enum
from pathlib import Path
from typing import Annotated, Any, Optional

import pytest
import typer

from cli.options import Folder, Format, Hosts
from cli.plain import Command, Group


class Kind(Enum):
    """One of several words, as Typer likes them in lists."""

    DROP = "drop"
    TRACE = "trace"


def command(
    folder: Folder = Path(),
    hosts: Hosts = [],  # noqa: B006  (as the commands have it)
    output: Format = "text",
    types: Annotated[list[Kind], typer.Option("--type")] = [],  # noqa: B006
    out: Annotated[Optional[Path], typer.Option("--out", dir_okay=False)] = None,
    count: Annotated[Optional[int], typer.Option("--count", min=1)] = None,
    yes: Annotated[bool, typer.Option("--yes")] = False,
    more: Annotated[Optional[list[str]], typer.Argument()] = None,
) -> tuple[Any, ...]:
    """A command with a parameter of every kind."""
    return folder, hosts, output, types, out, count, yes, more


def read(plainly: bool, words: list[str]) -> object:
    """What the command gets, or what is said against the words."""
    app = typer.Typer(cls=Group if plainly else None, rich_markup_mode=None, add_completion=False)
    app.command("go", cls=Command if plainly else None)(command)
    app.command("other")(lambda: None)
    try:
        return app(args=["go", *words], standalone_mode=False)
    except typer.TyperException as error:
        return error.format_message()


@pytest.mark.parametrize(
    "line",
    [
        "",
        "shop",
        "/tmp",
        "--host a --host b",
        "--format json",
        "--format JSON",
        "--format xml",
        "--type drop --type trace shop",
        "--type drop --type dorp",
        "--out plan.json",
        "--out /tmp",
        "--count 3",
        "--count 0",
        "--count many",
        "--yes shop one two",
        "--host",
        "--nothing",
    ],
)
def test_it_is_read_as_typer_reads_it(line: str) -> None:
    assert read(True, line.split()) == read(False, line.split())
