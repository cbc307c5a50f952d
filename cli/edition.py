"""WORKSTATION: which netctl this is, to the byte: what it found out, another edition must find out again."""

from __future__ import annotations

import hashlib
import os
import sys
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Final

FOLDERS: Final = ("bpf", "cli", "inventory", "schemas", "state")
LIBRARIES: Final = ("jsonschema", "yaml")
"""Those that judge a manifest. Others work for them: all that is installed beside them counts."""


@cache
def edition() -> bytes:
    """A digest of netctl's own sources, of the Python that runs them, and of the versions of what is installed."""
    found = hashlib.sha256(f"{sys.version}\0{sys.implementation.cache_tag}\0".encode())
    for folder in FOLDERS:
        for path in _sources(str(Path(__file__).parent.parent / folder)):
            with open(path, "rb") as file:
                content = file.read()
            found.update(f"{path}\0{len(content)}\0".encode() + content)
    for folder in sorted({place for name in LIBRARIES for place in _installed(name)}):
        names = sorted(name for name in os.listdir(folder) if name.endswith("-info"))  # noqa: PTH208
        found.update("\0".join((folder, *names, "")).encode())
    return found.digest()


def _sources(folder: str) -> list[str]:
    """Sources and schemas. (pathlib would take longer than reading them.)"""
    return sorted(
        f"{parent}/{name}" for parent, _, names in os.walk(folder) for name in names if name.endswith((".py", ".json"))
    )


def _installed(library: str) -> list[str]:
    """The folder in which a library's and its neighbours' versions can be read."""
    spec = find_spec(library)  # which does not import it
    return [str(Path(spec.origin).parent.parent)] if spec is not None and spec.origin else []
