"""DATA: what an unquoted word means in YAML 1.2, and which words other readers take for something else.

YAML 1.1 made `no` a boolean, `010` eight and `12:30` a number; 1.2 took that back, but readers of both are in use.
Here the words on which they differ are errors: whoever wrote one says which it is, by quotes or by plain spelling.
"""

from __future__ import annotations

import re
from typing import Optional, Union

Scalar = Union[None, bool, int, float, str]

_NULL = {"", "~", "null", "Null", "NULL"}
_TRUE, _FALSE = {"true", "True", "TRUE"}, {"false", "False", "FALSE"}
_OLD_BOOLEANS = {"yes": "true", "on": "true", "no": "false", "off": "false"}
_INTEGER = re.compile(r"[-+]?(0|[1-9][0-9]*)")
_HEXADECIMAL = re.compile(r"0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_NOT_A_NUMBER = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")
_OCTAL = re.compile(r"[-+]?0o?[0-9_]+")
_SEXAGESIMAL = re.compile(r"[-+]?[0-9][0-9_]*(:[0-5]?[0-9])+(\.[0-9_]*)?")
_UNDERSCORES = re.compile(r"[-+]?[0-9][0-9_]*_[0-9_]*")
_BINARY = re.compile(r"[-+]?0b[01_]+")


def value(word: str) -> Scalar:
    """What an unquoted word means."""
    if word in _NULL:
        return None
    if word in _TRUE or word in _FALSE:
        return word in _TRUE
    if not (word[0].isdigit() or word[0] in "+-."):
        return word
    if _INTEGER.fullmatch(word):
        return int(word) if len(word) < 100 else word
    if _HEXADECIMAL.fullmatch(word):
        return int(word, 16)
    return float(word) if _FLOAT.fullmatch(word) else word


def trap(word: str) -> Optional[tuple[str, str]]:
    """What is wrong with an unquoted word, and how to write it; None for a word that all readers agree on."""
    if meant := _OLD_BOOLEANS.get(word.lower()):
        return (
            f"`{word}` without quotes is {meant} to some readers of YAML and text to others",
            f'Write "{word}" in quotes for the text, or {meant}.',
        )
    if not word or not (word[0].isdigit() or word[0] in "+-."):
        return None
    if _OCTAL.fullmatch(word) and not _INTEGER.fullmatch(word):
        return _as_text(word, "an octal number")
    if _SEXAGESIMAL.fullmatch(word):
        return _as_text(word, "a number with base 60")
    if _BINARY.fullmatch(word):
        return _as_text(word, "a binary number")
    if _UNDERSCORES.fullmatch(word):
        return _as_text(word, "a number with underscores")
    if _NOT_A_NUMBER.fullmatch(word):
        return f"`{word}` is not a number that JSON knows", f'Write "{word}" in quotes for the text.'
    return None


def _as_text(word: str, what: str) -> tuple[str, str]:
    digits = word.replace("_", "")
    octal = what.endswith("octal number")
    number = f", or {int(digits)} for the decimal number" if digits.isdigit() else ""
    if octal and digits.strip("01234567o") == "":
        number += f", or {int(digits.replace('o', ''), 8)} if the octal number is meant"
    return (
        f"`{word}` without quotes is {what} to some readers of YAML",
        f'Write "{word}" in quotes for the text{number}.',
    )
