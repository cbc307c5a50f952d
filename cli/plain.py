"""WORKSTATION: words of the command line that need no reading: a path, a text, one of several words.

Typer reads every word with pydantic, which takes 75 ms to import: longer than most commands run. Here a word that is
plainly right is taken as it is. Any other is Typer's own to read, and to refuse.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Union, get_args, get_origin

from typer.core import TyperCommand, TyperGroup

_NOT_PLAIN = object()


class Command(TyperCommand):
    """A command of Typer's whose plain words are taken as they are."""

    def get_params(self, ctx: Any) -> Any:
        """Its parameters, `--help` too."""
        return _plainly_read(super().get_params(ctx))


class Group(TyperGroup):
    """A group of such commands."""

    def get_params(self, ctx: Any) -> Any:
        """Its parameters, `--help` too."""
        return _plainly_read(super().get_params(ctx))


def _plainly_read(parameters: Sequence[Any]) -> Sequence[Any]:
    for parameter in parameters:
        if not isinstance(getattr(parameter, "get_runtime_param", None), _Reader):
            parameter.get_runtime_param = _Reader(parameter.type_descriptor, parameter.get_runtime_param)
    return parameters


@dataclass(frozen=True)
class _Reader:
    """Reads the words of one parameter. `typers` gives Typer's own reader, made when it is needed."""

    descriptor: Any
    typers: Callable[[], Any]

    def __call__(self) -> _Reader:
        return self

    def coerce(self, value: Any, param: Any, ctx: Any) -> Any:
        """The value of a parameter, by its words; None are none."""
        if value is None:
            return () if param.multiple or param.nargs == -1 else None
        taken = _taken(value, self.descriptor.annotation, self.descriptor.parameter_info)
        return self.typers().coerce(value, param=param, ctx=ctx) if taken is _NOT_PLAIN else taken


def _taken(value: Any, kind: Any, options: Any) -> Any:
    """The value that a word plainly means, or several; _NOT_PLAIN where that takes more to say."""
    if get_origin(kind) is list and not isinstance(value, str):
        taken = [_taken(word, get_args(kind)[0], options) for word in value]
        return _NOT_PLAIN if _NOT_PLAIN in taken else taken
    if kind is str and isinstance(value, str):
        return value
    if get_origin(kind) is Literal and value in get_args(kind):
        return value
    if kind is Path and isinstance(value, (str, Path)) and _is_any_path(value, options):
        return Path(value)
    return _NOT_PLAIN


def _is_any_path(value: Union[str, Path], options: Any) -> bool:
    """Whether there is nothing that Typer would have to find out about a path."""
    if options.exists or options.resolve_path or options.writable or options.allow_dash:
        return False
    return options.file_okay and options.dir_okay and (os.access(value, os.R_OK) or not Path(value).exists())
