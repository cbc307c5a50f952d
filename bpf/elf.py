"""HOST: as much of ELF as a compiled BPF object needs: its sections, and where its variables are in them."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass

_HEADER = struct.Struct("<16sHHIQQQIHHHHHH")
_SECTION = struct.Struct("<IIQQQQIIQQ")
_SYMBOL = struct.Struct("<IBBHQQ")
_GLOBAL = (0x11, 0x12)


@dataclass(frozen=True)
class Variable:
    """Where a global variable or function is within its section."""

    offset: int
    size: int


@dataclass(frozen=True)
class Elf:
    """An object file: the bytes of each section, and the global variables and functions of each section by name."""

    sections: Mapping[str, bytes]
    variables: Mapping[str, Mapping[str, Variable]]

    @classmethod
    def parse(cls, data: bytes) -> Elf:
        """The object file in `data`. Raises ValueError if it is none."""
        if data[:6] != b"\x7fELF\x02\x01":
            raise ValueError("not a 64-bit little-endian ELF file")
        header = _HEADER.unpack_from(data)
        start, count, names_at = int(header[6]), int(header[12]), int(header[13])
        table: list[tuple[int, ...]] = [
            _SECTION.unpack_from(data, start + number * _SECTION.size) for number in range(count)
        ]
        bodies: list[bytes] = [data[row[4] : row[4] + row[5]] if row[1] != 8 else b"" for row in table]
        names: list[str] = [_text(bodies[names_at], row[0]) for row in table]
        variables: dict[str, dict[str, Variable]] = {}
        for row, body in zip(table, bodies):
            if row[1] == 2:
                for name, section, variable in _symbols(body, bodies[row[6]]):
                    if section < count:
                        variables.setdefault(names[section], {})[name] = variable
        return cls(dict(zip(names, bodies)), variables)


def _symbols(body: bytes, strings: bytes) -> list[tuple[str, int, Variable]]:
    rows = _SYMBOL.iter_unpack(body)
    return [(_text(strings, row[0]), row[3], Variable(row[4], row[5])) for row in rows if row[1] in _GLOBAL]


def _text(strings: bytes, offset: int) -> str:
    return strings[offset : strings.index(b"\0", offset)].decode()
