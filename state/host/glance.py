"""HOST: a kernel during one look at it: what one kind has read, the next need not read again."""

from __future__ import annotations

from typing import Any, cast

from state.kernel import Kernel

READING = {
    "net": frozenset({"links", "addresses", "neighbours", "routes", "rules"}),
    "netns": frozenset({"names", "owned"}),
    "bpf": frozenset({"connection_tables", "devices", "entries", "generation", "maps", "objects", "programs"}),
}
"""What is remembered, by part of the port."""


def glance(kernel: Kernel) -> Kernel:
    """The kernel, for as long as nobody changes it: each answer is asked for once."""
    return cast(Kernel, _Glance(kernel))


class _Glance:
    def __init__(self, kernel: Kernel) -> None:
        self._kernel = kernel

    def __getattr__(self, name: str) -> Any:
        part = getattr(self._kernel, name)
        kept = _Remembering(part, READING[name]) if name in READING else part
        self.__dict__[name] = kept
        return kept


class _Remembering:
    """An object some of whose methods are asked once for each set of arguments."""

    def __init__(self, asked: object, names: frozenset[str]) -> None:
        self._asked, self._names = asked, names

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._asked, name)
        kept = _once(method) if name in self._names else method
        self.__dict__[name] = kept
        return kept


def _once(method: Any) -> Any:
    answers: dict[tuple[Any, ...], Any] = {}

    def ask(*arguments: Any) -> Any:
        key: tuple[Any, ...] = tuple(tuple(cast(Any, x)) if isinstance(x, list) else x for x in arguments)
        if key not in answers:
            answers[key] = method(*arguments)
        return answers[key]

    return ask
