"""WORKSTATION: writes `bpf/layout.py` from the types of the compiled objects: `python -m bpf.gen_layout`.

It refuses what would let Python and C disagree: bit-fields, unions, hidden padding, objects with different maps.
"""

from __future__ import annotations

import hashlib
import json
import keyword
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Union

from bpf.btf import ARRAY, ENUM, INT, PTR, STRUCT, VAR, Btf, Type
from bpf.elf import Elf
from bpf.gen_classes import DESCRIPTION, HEADER, Field, class_name, enum_class, struct_class
from bpf.libbpf import MAP_TYPE_NAMES

SENT = ("event",)
"""The structures that stand in no map: what goes through the ring buffers."""

HERE = Path(__file__).parent
_CODES = {("int", 1): "B", ("int", 2): "H", ("int", 4): "I", ("int", 8): "Q"}


Described = dict[str, Union[str, int, "Described"]]


class LayoutError(ValueError):
    """A type that Python and C could read differently."""


def main() -> int:
    """Write layout.py, or with --check say whether it is what the objects say."""
    text = generate([path.read_bytes() for path in sorted(HERE.glob("*.bpf.o"))])
    target = HERE / "layout.py"
    if "--check" in sys.argv:
        return 0 if target.read_text() == text else 1
    target.write_text(text)
    return 0


def generate(objects: list[bytes]) -> str:
    """The text of layout.py for these objects."""
    texts = {_one(Btf(Elf.parse(data).sections[".BTF"])) for data in objects}
    if len(texts) != 1:
        raise LayoutError(f"the objects differ in their maps or types: {len(texts)} different layouts")
    return texts.pop()


def _one(btf: Btf) -> str:
    maps = {
        name: _map(btf, name, btf.resolve(item.target))
        for name, item in sorted(btf.named(VAR).items())
        if _is_map(btf, item)
    }
    structs = _structs(btf, [*_contents(maps), *SENT])
    parts = [
        HEADER,
        f'LAYOUT = "{_digest(btf, maps, structs)}"\n"""The digest of all below: part of the pin path."""\n',
        DESCRIPTION,
    ]
    parts += [enum_class(item) for _, item in sorted(_enums(btf).items())]
    parts += [struct_class(structs[name], list(_fields(btf, structs[name]))) for name in _ordered(btf, structs)]
    parts.append(
        "\nMAPS: Mapping[str, MapLayout] = {\n"
        + "".join(f"    {json.dumps(name)}: {_text(item, 4)},\n" for name, item in maps.items())
    )
    return "\n".join(parts) + "}\n"


def _is_map(btf: Btf, item: Type) -> bool:
    return _defines_map(btf.resolve(item.target))


def _defines_map(item: Type) -> bool:
    names = [member.name for member in item.members]
    return item.kind == STRUCT and names[:2] == ["type", "max_entries"]


def _contents(maps: dict[str, Described]) -> Iterator[str]:
    """C's names of what the maps hold, inside arrays of maps too."""
    for item in maps.values():
        yield from (str(item[name]) for name in ("key_type", "value_type") if name in item)
        inner = item.get("inner")
        if isinstance(inner, dict):
            yield from _contents({"inner": inner})


def _structs(btf: Btf, names: list[str]) -> dict[str, Type]:
    """The structures of these names, and those inside them."""
    known, found = btf.named(STRUCT), dict[str, Type]()
    while names:
        name = names.pop()
        if name in known and name not in found:
            found[name] = known[name]
            names += [btf.resolve(member.type).name for member in known[name].members]
    return dict(sorted(found.items()))


def _enums(btf: Btf) -> dict[str, Type]:
    """The enums that are the type of a variable: the others are not meant for us."""
    types = [btf.resolve(item.target) for item in btf.named(VAR).values()]
    return {item.name: item for item in types if item.kind == ENUM}


def _map(btf: Btf, name: str, item: Type) -> Described:
    found: Described = {"name": name, "type": "", "key": 0, "value": 0, "max_entries": 0, "flags": 0}
    for member in item.members:
        target = btf.types[btf.resolve(member.type).target] if btf.resolve(member.type).kind == PTR else None
        if member.name in ("type", "max_entries", "map_flags"):
            assert target is not None
            value = target.length
            found["flags" if member.name == "map_flags" else member.name] = (
                MAP_TYPE_NAMES[value] if member.name == "type" else value
            )
        elif member.name in ("key", "value"):
            number = btf.resolve(member.type).target
            found[member.name] = _size(btf, number)
            found[f"{member.name}_type"] = btf.types[number].name
        elif member.name == "values":
            pointer = btf.resolve(btf.resolve(member.type).target)
            inner = btf.types[pointer.target]
            found["value"] = 4
            found["inner"] = _map(btf, inner.name, inner)
    return found


def _size(btf: Btf, number: int) -> int:
    item = btf.resolve(number)
    return item.length * _size(btf, item.target) if item.kind == ARRAY else item.size


def _fields(btf: Btf, item: Type) -> Iterator[Field]:
    """The fields of a structure; padding that is written out gets no annotation, a keyword an underscore."""
    if item.bitfield:
        raise LayoutError(f"struct {item.name}: bit-fields")
    at = 0
    for member in item.members:
        if member.offset != at * 8:
            raise LayoutError(
                f"struct {item.name}: {member.offset // 8 - at} bytes of hidden padding before {member.name}"
            )
        size = _size(btf, member.type)
        at += size
        if member.name.startswith("pad"):
            yield Field(member.name, f"{size}x", 0, "")
        else:
            name = f"{member.name}_" if keyword.iskeyword(member.name) else member.name
            yield _field(btf, item.name, name, member.type)
    if at != item.size:
        raise LayoutError(f"struct {item.name}: {item.size - at} bytes of hidden padding at the end")


def _field(btf: Btf, owner: str, name: str, number: int) -> Field:
    outer, item = btf.types[number].name, btf.resolve(number)
    if item.kind in (INT, ENUM):
        if outer.startswith("__be"):
            return Field(name, f"{item.size}s", 1, "bytes")
        return Field(name, _CODES["int", item.size], 1, "int")
    if item.kind == ARRAY:
        element = btf.resolve(item.target)
        if element.kind == INT and element.size == 1:
            return Field(name, f"{item.length}s", 1, "bytes")
        if element.kind == INT:
            return Field(name, f"{item.length}{_CODES['int', element.size]}", item.length, "tuple[int, ...]")
    if item.kind == STRUCT:
        return Field(name, f"{item.size}s", 1, class_name(item.name))
    raise LayoutError(f"struct {owner}: {name} is a union, a pointer or an array of structures")


def _ordered(btf: Btf, structs: dict[str, Type]) -> list[str]:
    """The names of the structures, each after those it contains."""
    done: list[str] = []

    def visit(name: str) -> None:
        for member in structs[name].members:
            inner = btf.resolve(member.type)
            if inner.kind == STRUCT and inner.name not in done:
                visit(inner.name)
        if name not in done:
            done.append(name)

    for name in structs:
        visit(name)
    return done


def _text(found: Described, indent: int) -> str:
    space = " " * (indent + 4)
    rows: list[str] = []
    for name, value in found.items():
        shown = _text(value, indent + 4) if isinstance(value, dict) else json.dumps(value)
        rows.append(f"{space}{name}={shown},\n")
    return "MapLayout(\n" + "".join(rows) + " " * indent + ")"


def _digest(btf: Btf, maps: dict[str, Described], structs: dict[str, Type]) -> str:
    described = {
        "maps": maps,
        "structs": {name: [(field.name, field.code) for field in _fields(btf, item)] for name, item in structs.items()},
        "enums": {name: [(value.name, value.offset) for value in item.members] for name, item in _enums(btf).items()},
    }
    return hashlib.sha256(json.dumps(described, sort_keys=True).encode()).hexdigest()[:12]


if __name__ == "__main__":
    sys.exit(main())
