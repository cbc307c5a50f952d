"""HOST: questions: what an agent asks of this host, of its kernel and its files, to look around; and notes of them.

All that a look at a host rests on is asked by functions that are a `question`, and they answer in bytes or close to
them. So a look can be repeated without making sense of anything: the same answers mean the same, see
`state.host.recall`. The modules of questions import next to nothing: an agent that has nothing new to tell needs no
others. Words are str, int, None and tuples of these; answers may be bytes, too.
"""

from __future__ import annotations

import marshal
from _blake2 import blake2b

TYPE_CHECKING = False  # typing's own would cost as much as all questions together
if TYPE_CHECKING:
    from typing import Any, Callable, Optional, TypeVar

    F = TypeVar("F", bound=Callable[..., Any])
    Line = tuple[str, str, tuple[Any, ...], bytes]  # module, function, words, digest of the answer

_DIGEST_SIZE = 16
_MARSHAL = 2
"""The format that says the same of equal values always: later ones say where an object occurs twice."""


class Notes:
    """The questions of one look, and their answers. What is asked again is answered from here: one look, one host."""

    def __init__(self) -> None:
        self.whole = True
        self._answers: dict[tuple[str, str, tuple[Any, ...]], Any] = {}

    def ask(self, function: Callable[..., Any], words: tuple[Any, ...]) -> Any:
        """The answer to a question."""
        asked = (function.__module__, function.__name__, words)
        if asked not in self._answers:
            before, self.whole = self.whole, False  # should there be no answer, but an error
            self._answers[asked] = function(*words)
            self.whole = before
        return self._answers[asked]

    def lines(self) -> list[Line]:
        """What was asked, in order, with the digests of the answers."""
        return [(*asked, digest(answer)) for asked, answer in self._answers.items()]


_taking: list[Notes] = []


class taking_notes:  # noqa: N801  (a context manager; contextlib's would cost more than all questions together)
    """Notes of what is asked within the block."""

    def __enter__(self) -> Notes:
        _taking.append(Notes())
        return _taking[-1]

    def __exit__(self, *_: object) -> None:
        _taking.pop()


def question(function: F) -> F:
    """The function as a question. It reads, and its answer depends on its words and this host alone."""

    def ask(*words: Any) -> Any:
        return _taking[-1].ask(function, words) if _taking else function(*words)

    ask.__name__, ask.__module__, ask.__doc__ = function.__name__, function.__module__, function.__doc__
    ask.now = function  # type: ignore[attr-defined]
    return ask  # type: ignore[return-value]


def spoil() -> None:
    """Say that this look rests on something that was no question: it cannot be repeated."""
    if _taking:
        _taking[-1].whole = False


def plainly(ask: Any) -> Any:
    """The question as a function that always asks, and of which no notes are taken."""
    return ask.now


def same(lines: Any) -> bool:
    """Whether this host answers all questions as it did when these notes were taken."""
    for module, name, words, then in lines:
        ask = _question(module, name)
        if ask is None or digest(ask(*words)) != then:
            return False
    return True


def _question(module: str, name: str) -> Optional[Callable[..., Any]]:
    found: Any = getattr(__import__(module, fromlist=(name,)), name, None)
    return getattr(found, "now", None)


def digest(answer: Any) -> bytes:
    """A digest of an answer: equal answers have equal digests."""
    return blake2b(marshal.dumps(answer, _MARSHAL), digest_size=_DIGEST_SIZE).digest()
