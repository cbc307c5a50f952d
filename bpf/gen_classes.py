"""WORKSTATION: the text of `bpf/layout.py`: its head, and a class for each structure and enum."""

from __future__ import annotations

from dataclasses import dataclass

from bpf.btf import Type

HEADER = '''"""BOTH SIDES: what the maps of the datapath hold, as frozen values that pack to the very bytes.

Generated from the BTF of the compiled objects by `python -m bpf.gen_layout`: change bpf/types.h and bpf/maps.h instead.
Addresses and other big-endian fields are bytes in network order; everything else is little-endian.
Named tuples, because an agent's start makes these classes, and twenty dataclasses cost it 15 ms.
"""

from __future__ import annotations

import enum
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple, Optional
'''
DESCRIPTION = '''
@dataclass(frozen=True)
class MapLayout:
    """A map as the datapath defines it. The types are named as in C; `inner` is what an array of maps holds."""

    name: str
    type: str
    key: int
    value: int
    max_entries: int
    flags: int
    key_type: str = ""
    value_type: str = ""
    inner: Optional[MapLayout] = None
'''


@dataclass(frozen=True)
class Field:
    """A field of a generated class: its code as `struct` writes it, how many values that makes, and its annotation."""

    name: str
    code: str
    count: int
    annotation: str


def class_name(name: str) -> str:
    """The Python name of a C structure or enum."""
    return "".join(part.capitalize() for part in name.split("_"))


def struct_class(item: Type, fields: list[Field]) -> str:
    """A structure as a named tuple that packs to its bytes."""
    shown = [field for field in fields if field.annotation]
    constant = f"_{item.name.upper()}"
    code = "<" + "".join(field.code for field in fields)
    return f'''
{constant} = struct.Struct("{code}")


class {class_name(item.name)}(NamedTuple):
    """struct {item.name}, {item.size} bytes."""

{"".join(f"    {field.name}: {field.annotation}{chr(10)}" for field in shown)}
    def pack(self) -> bytes:
        """The bytes as they stand in a map."""
        return {_called(f"{constant}.pack", [_given(field) for field in shown])}

    @classmethod
    def unpack(cls, data: bytes) -> {class_name(item.name)}:
        """The value that these bytes stand for."""
        values = {constant}.unpack(data)
        return {_called("cls", _taken(shown))}
'''


def _given(field: Field) -> str:
    """A field as an argument of `pack`."""
    return f"{'*' if field.count > 1 else ''}self.{field.name}{'.pack()' if field.annotation[0].isupper() else ''}"


def _taken(fields: list[Field]) -> list[str]:
    """The fields as parts of what `unpack` returns."""
    taken: list[str] = []
    at = 0
    for field in fields:
        part = f"values[{at}]" if field.count == 1 else f"values[{at}:{at + field.count}]"
        taken.append(f"{field.annotation}.unpack({part})" if field.annotation[0].isupper() else part)
        at += field.count
    return taken


def _called(function: str, arguments: list[str]) -> str:
    line = f"{function}({', '.join(arguments)})"
    if len(line) <= 105:
        return line
    return f"{function}(\n" + "".join(f"            {item},\n" for item in arguments) + "        )"


def enum_class(item: Type) -> str:
    """An enum of C as one of Python, its values named as in C."""
    lines = "".join(f"    {value.name} = {value.offset}\n" for value in item.members)
    return f'\nclass {class_name(item.name)}(enum.IntEnum):\n    """enum {item.name}."""\n\n{lines}'
