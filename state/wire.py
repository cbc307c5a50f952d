"""BOTH SIDES: frozen values as JSON and back: what crosses SSH and what stands in a saved plan.

`dump` needs no type; `load` is told the type and checks it. Supported: str, int, bool, float, None, bytes (as hex),
enums by name, the ipaddress classes as text, Optional, Union of dataclasses is not, tuples, lists, mappings with str
keys, dataclasses.

What is to be done for a type is found out once: a fleet's values are a hundred thousand, of a few dozen types.
"""

from __future__ import annotations

import dataclasses
import enum
import ipaddress
import json
import typing
from collections.abc import Mapping, Sequence
from functools import cache
from operator import attrgetter
from typing import Any, Callable, TypeVar, Union

T = TypeVar("T")
Load = Callable[[Any], Any]

_TEXT = (
    ipaddress.IPv4Address,
    ipaddress.IPv6Address,
    ipaddress.IPv4Network,
    ipaddress.IPv6Network,
)
_PLAIN = ("str", "int", "bool", "float", "Optional[str]", "Optional[int]", "Optional[bool]")
"""Annotations of fields whose values are JSON as they stand."""


class WireError(ValueError):
    """JSON that does not have the shape it must have."""


def dump(value: object) -> Any:
    """The JSON form of a value."""
    kind: Any = type(value)
    return _dumper(kind)(value)


def text(value: object) -> str:
    """A value as text, in the order of its fields: equal values of one type have equal texts, on every machine."""
    kind: Any = type(value)
    names = _plain_fields(kind)
    return _encode(dump(value) if names is None else _reader(names)(value))


_encode = json.JSONEncoder(separators=(",", ":"), sort_keys=True).encode


@cache
def _plain_fields(kind: type) -> typing.Optional[tuple[str, ...]]:
    """The names of the fields of a dataclass whose values are all JSON already; None for anything else."""
    if not dataclasses.is_dataclass(kind):
        return None
    fields = dataclasses.fields(kind)
    return tuple(field.name for field in fields) if all(field.type in _PLAIN for field in fields) else None


@cache
def _dumper(kind: type[Any]) -> Callable[[Any], Any]:
    """What makes JSON of the values of a type."""
    if issubclass(kind, (str, int, float, type(None))):
        return _as_it_is
    if issubclass(kind, enum.Enum):
        return _name
    if issubclass(kind, _TEXT):
        return str
    if issubclass(kind, bytes):
        return bytes.hex
    if dataclasses.is_dataclass(kind):
        return _record_dumper(kind)
    if issubclass(kind, Mapping):
        return _dump_mapping
    if issubclass(kind, frozenset):
        return lambda value: [dump(item) for item in sorted(value)]
    if issubclass(kind, (tuple, list)):
        return lambda value: [dump(item) for item in value]
    raise WireError(f"cannot send a {kind.__name__}")


def _record_dumper(kind: type) -> Callable[[Any], Any]:
    names = tuple(field.name for field in dataclasses.fields(kind))
    read = _reader(names)
    if _plain_fields(kind) is not None:
        return lambda value: dict(zip(names, read(value)))
    return lambda value: dict(zip(names, map(dump, read(value))))


@cache
def _reader(names: tuple[str, ...]) -> Callable[[Any], Sequence[Any]]:
    """What reads these fields of a value.

    Never by its `__dict__`: Python 3.11 makes that when it is first asked for, and where two threads ask for one
    object's while the garbage collector lets them take turns, both get the same memory, and both free it.
    """
    if len(names) < 2:
        return lambda value: [getattr(value, name) for name in names]
    return attrgetter(*names)


def _as_it_is(value: Any) -> Any:
    return value


def _name(value: Any) -> Any:
    return value.name


def _dump_mapping(value: Any) -> Any:
    return {str(key): dump(item) for key, item in value.items()}


def load(kind: type[T], data: Any) -> T:
    """The value of type `kind` that `data` stands for. Raises WireError where it does not fit."""
    named: Any = kind
    return typing.cast(T, _loader(named)(data))


@cache
def _loader(kind: Any) -> Load:
    """What makes values of a type from JSON."""
    origin, parameters = typing.get_origin(kind), typing.get_args(kind)
    if kind in (Any, object):
        return _as_it_is
    if origin is Union:
        return _optional_loader(parameters)
    if origin is tuple:
        return _tuple_loader(parameters)
    if origin in (list, frozenset):
        item = _loader(parameters[0])
        make = typing.cast(Callable[[Any], Any], origin)
        return lambda data: make(map(item, _expect(list, data)))
    if isinstance(origin, type) and issubclass(origin, Mapping):
        key, item = int if parameters[0] is int else _loader(parameters[0]), _loader(parameters[1])
        return lambda data: {key(name): item(value) for name, value in _expect(dict, data).items()}
    return _plain_loader(origin or kind)


def _optional_loader(parameters: tuple[Any, ...]) -> Load:
    (inner,) = [_loader(item) for item in parameters if item is not type(None)]
    if type(None) not in parameters:
        return inner
    return lambda data: None if data is None else inner(data)


def _tuple_loader(parameters: tuple[Any, ...]) -> Load:
    if len(parameters) == 2 and parameters[1] is Ellipsis:
        item = _loader(parameters[0])
        return lambda data: tuple(map(item, _expect(list, data)))
    loaders = [_loader(parameter) for parameter in parameters]

    def several(data: Any) -> Any:
        items = _expect(list, data)
        if len(items) != len(loaders):
            raise WireError(f"expected {len(loaders)} items, got {len(items)}")
        return tuple(loader(item) for loader, item in zip(loaders, items))

    return several


def _plain_loader(kind: Any) -> Load:
    if dataclasses.is_dataclass(kind):
        return _record_loader(typing.cast(type, kind))
    if isinstance(kind, type) and issubclass(kind, enum.Enum):
        return lambda data: _member(kind, _expect(str, data))
    if kind in _TEXT:
        return lambda data: kind(_expect(str, data))
    if kind is bytes:
        return lambda data: bytes.fromhex(_expect(str, data))
    return lambda data: _expect(kind, data)


def _record_loader(kind: type) -> Load:
    loaders: dict[str, Load] = {}  # filled when first needed: a class may have fields of its own type

    def record(data: Any) -> Any:
        if not loaders:
            hints = typing.get_type_hints(kind)
            loaders.update({field.name: _loader(hints[field.name]) for field in dataclasses.fields(kind)})
        given = _expect(dict, data)
        if unknown := given.keys() - loaders.keys():
            raise WireError(f"{kind.__name__} has no field {', '.join(sorted(unknown))}")
        values = {name: loaders[name](item) for name, item in given.items()}
        try:
            return kind(**values)
        except TypeError as error:
            lacking = [name for name in loaders if name not in given and not hasattr(kind, name)]
            raise WireError(f"{kind.__name__} lacks the field {', '.join(lacking)}") from error

    return record


def _member(kind: type[enum.Enum], name: str) -> enum.Enum:
    if name not in kind.__members__:
        raise WireError(f"{name!r} is not one of {', '.join(kind.__members__)}")
    return kind[name]


def _expect(kind: Any, data: Any) -> Any:
    if not isinstance(data, kind) or (kind is int and isinstance(data, bool)):
        raise WireError(f"expected {kind.__name__}, got {type(data).__name__}")
    return data
