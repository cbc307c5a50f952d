"""HOST: what netctl uses of `json`, by the standard library's own functions in C.

Importing `json` means compiling regular expressions: a twentieth of what an agent costs a host. The first stage puts
this module in the place of `json`; a test compares the two. Whatever is not here is asked of the standard module.
"""

from __future__ import annotations

import sys
from _json import encode_basestring, encode_basestring_ascii, make_encoder, make_scanner

TYPE_CHECKING = False  # see `state.host.questions`
if TYPE_CHECKING:
    from typing import IO, Any, Optional, Union


class _Reading:
    """The scanner's settings: the standard ones."""

    strict = True
    object_hook = None
    object_pairs_hook = None
    parse_float = float
    parse_int = int
    parse_constant = {"-Infinity": float("-inf"), "Infinity": float("inf"), "NaN": float("nan")}.__getitem__


_reading: Any = _Reading  # the library's stubs know no such settings
_scan = make_scanner(_reading)
_SPACE = " \t\n\r"


def loads(text: Union[str, bytes]) -> Any:
    """The value that JSON stands for. Raises ValueError for what is none."""
    plain = (text if isinstance(text, str) else text.decode()).strip(_SPACE)
    try:
        value, end = _scan(plain, 0)
    except (StopIteration, ImportError, SystemError):  # to say more the scanner looks for the standard module
        raise ValueError(f"not JSON: {plain[:64]!r}") from None
    if end != len(plain):
        raise ValueError(f"not JSON: {plain[end : end + 64]!r}")
    return value


def load(file: IO[str]) -> Any:
    """The value in a file."""
    return loads(file.read())


class JSONEncoder:
    """Makes JSON in one line."""

    def __init__(
        self, *, separators: tuple[str, str] = (", ", ": "), sort_keys: bool = False, ensure_ascii: bool = True
    ) -> None:
        quote = encode_basestring_ascii if ensure_ascii else encode_basestring
        self._make = make_encoder({}, _refuse, quote, None, separators[1], separators[0], sort_keys, False, True)

    def encode(self, value: Any) -> str:
        """The text of a value."""
        return "".join(self._make(value, 0))


def _refuse(value: Any) -> Any:
    raise TypeError(f"Object of type {type(value).__name__} is not JSON serializable")


def dumps(
    value: Any,
    *,
    separators: tuple[str, str] = (", ", ": "),
    sort_keys: bool = False,
    ensure_ascii: bool = True,
    indent: Optional[int] = None,
) -> str:
    """The text of a value."""
    if indent is not None:
        said: str = _standard().dumps(value, sort_keys=sort_keys, ensure_ascii=ensure_ascii, indent=indent)
        return said
    return JSONEncoder(separators=separators, sort_keys=sort_keys, ensure_ascii=ensure_ascii).encode(value)


def _standard() -> Any:
    """The standard module, which stays where it is for those who have it already."""
    mine = sys.modules.pop("json", None)
    try:
        return __import__("json")
    finally:
        if mine is not None:
            sys.modules["json"] = mine


def __getattr__(name: str) -> Any:
    if name.startswith("__"):
        raise AttributeError(name)
    return getattr(_standard(), name)
