"""WORKSTATION: the arguments and options that several commands share, so that they read alike everywhere."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

Folder = Annotated[Path, typer.Argument(help="The manifest: a folder with netctl.yaml.", metavar="DIR")]
Hosts = Annotated[list[str], typer.Option("--host", help="Only this host. May be given several times.", metavar="NAME")]
Labels = Annotated[
    list[str], typer.Option("--label", help="Only hosts with this label. Several must all match.", metavar="KEY=VALUE")
]
Lab = Annotated[bool, typer.Option("--lab", help="Reach the hosts of the running lab instead of the real ones.")]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask before changing anything.")]
PlanFormat = Annotated[
    Literal["text", "json", "markdown"],
    typer.Option("--format", help="How to print: for people, programs or pull requests."),
]
Format = Annotated[Literal["text", "json"], typer.Option("--format", help="How to print: for people or programs.")]
