"""HOST: BTF, the types a compiled BPF object carries: read here in pure Python, for the generator of `layout`."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass

INT, PTR, ARRAY, STRUCT, UNION, ENUM, TYPEDEF, VOLATILE, CONST, VAR, DATASEC = 1, 2, 3, 4, 5, 6, 8, 9, 10, 14, 15
_EXTRA_PER_MEMBER = {4: 12, 5: 12, 6: 8, 13: 8, 15: 12, 19: 12}
_EXTRA = {1: 4, 3: 12, 14: 4, 17: 4}


@dataclass(frozen=True)
class Member:
    """A member of a structure, or a value of an enum (`offset` is the value then). Offsets are in bits."""

    name: str
    type: int
    offset: int


@dataclass(frozen=True)
class Type:
    """One BTF type. `size` of a pointer, array, typedef or variable: see `target` and `length`."""

    kind: int
    name: str
    size: int = 0
    target: int = 0
    length: int = 0
    members: tuple[Member, ...] = ()
    bitfield: bool = False


class Btf:
    """The types of one object, by number."""

    def __init__(self, data: bytes) -> None:
        _, _, _, header, types_at, types_size, strings_at, strings_size = struct.unpack_from("<HBBIIIII", data)
        self._strings = data[header + strings_at : header + strings_at + strings_size]
        self.types: Sequence[Type] = [Type(0, "void"), *self._parse(data[header + types_at :][:types_size])]

    def _text(self, offset: int) -> str:
        return self._strings[offset : self._strings.index(b"\0", offset)].decode()

    def _parse(self, data: bytes) -> list[Type]:
        types: list[Type] = []
        offset = 0
        while offset < len(data):
            name, info, size = struct.unpack_from("<III", data, offset)
            kind, count, flag = info >> 24 & 31, info & 0xFFFF, bool(info >> 31)
            offset += 12
            length = count * _EXTRA_PER_MEMBER.get(kind, 0) + _EXTRA.get(kind, 0)
            types.append(self._type(kind, self._text(name), size, flag, data[offset : offset + length]))
            offset += length
        return types

    def _type(self, kind: int, name: str, size: int, flag: bool, extra: bytes) -> Type:
        if kind == ARRAY:
            target, _, length = struct.unpack("<III", extra)
            return Type(kind, name, target=target, length=length)
        if kind in (STRUCT, UNION):
            members = tuple(Member(self._text(a), b, c) for a, b, c in struct.iter_unpack("<III", extra))
            return Type(kind, name, size, members=members, bitfield=flag)
        if kind == ENUM:
            values = tuple(Member(self._text(a), 0, b) for a, b in struct.iter_unpack("<Ii", extra))
            return Type(kind, name, size, members=values)
        if kind == INT:
            return Type(kind, name, size)
        return Type(kind, name, target=size)

    def named(self, kind: int) -> dict[str, Type]:
        """All types of one kind that have a name."""
        return {item.name: item for item in self.types if item.kind == kind and item.name}

    def resolve(self, number: int) -> Type:
        """The type behind typedefs and qualifiers."""
        item = self.types[number]
        while item.kind in (TYPEDEF, VOLATILE, CONST):
            item = self.types[item.target]
        return item
