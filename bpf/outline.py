"""BOTH SIDES: what one asks of a compiled object without loading it: its digest, its programs, its read-only data.

The workstation writes it down beside each object in the agent's archive: an agent that only looks around need neither
unpack the objects nor hash them.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass

from bpf.elf import Elf

_SECTION = ".rodata"


@dataclass(frozen=True)
class Outline:
    """An object in short. `digest` is the file's; `variables` are those of the read-only data: offset and size."""

    digest: str
    functions: tuple[str, ...]
    rodata: bytes
    variables: Mapping[str, tuple[int, int]]


def of(data: bytes) -> Outline:
    """The outline of an object file."""
    elf = Elf.parse(data)
    variables = elf.variables.get(_SECTION, {})
    return Outline(
        hashlib.sha256(data).hexdigest(),
        tuple(sorted(elf.variables.get("tc", {}))),
        elf.sections.get(_SECTION, b""),
        {name: (variable.offset, variable.size) for name, variable in sorted(variables.items())},
    )


def write(outline: Outline) -> bytes:
    """The outline as bytes."""
    parts = [outline.digest, outline.functions, outline.rodata.hex(), outline.variables]
    return json.dumps(parts, separators=(",", ":")).encode()


def read(text: bytes) -> Outline:
    """The outline that `write` wrote."""
    digest, functions, rodata, variables = json.loads(text)
    places = {name: (offset, size) for name, (offset, size) in variables.items()}
    return Outline(digest, tuple(functions), bytes.fromhex(rodata), places)
