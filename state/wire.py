"""BOTH SIDES: frozen values as JSON and back: what crosses SSH and what stands in a saved plan.

`dump` needs no type; `load` is told the type and checks it. Supported: str, int, bool, float, None, bytes (as hex), enums by
name, the ipaddress classes as text, Optional, Union of dataclasses is not, tuples, lists, mappings with str keys, dataclasses.
"""

from __future__ import annotations

import dataclasses
import enum
import ipaddress
import typing
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, TypeVar, Union

T = TypeVar("T")

_TEXT = (
    ipaddress.IPv4Address,
    ipaddress.IPv6Address,
    ipaddress.IPv4Network,
    ipaddress.IPv6Network,
)


class WireError(ValueError):
    """JSON that does not have the shape it must have."""


def dump(value: object) -> Any:
    """The JSON form of a value."""
    if value is None or isinstance(value, (str, bool, int, float)):
        return value
    if isinstance(value, enum.Enum):
        return value.name
    if isinstance(value, _TEXT):
        return str(value)
    if isinstance(value, bytes):
        return value.hex()
    if dataclasses.is_dataclass(value):
        return {name: dump(getattr(value, name)) for name in _fields(type(value))}
    if isinstance(value, Mapping):
        return {str(key): dump(item) for key, item in value.items()}
    if isinstance(value, (tuple, list, frozenset)):
        items = sorted(value) if isinstance(value, frozenset) else value
        return [dump(item) for item in items]
    raise WireError(f"cannot send a {type(value).__name__}")


def load(kind: type[T], data: Any) -> T:
    """The value of type `kind` that `data` stands for. Raises WireError where it does not fit."""
    return typing.cast(T, _load(kind, data))


@lru_cache(maxsize=None)
def _fields(kind: type) -> Mapping[str, Any]:
    hints = typing.get_type_hints(kind)
    return {field.name: hints[field.name] for field in dataclasses.fields(kind)}


def _load(kind: Any, data: Any) -> Any:
    origin, parameters = typing.get_origin(kind), typing.get_args(kind)
    if kind in (Any, object):
        return data
    if origin is Union:
        if data is None and type(None) in parameters:
            return None
        (inner,) = [item for item in parameters if item is not type(None)]
        return _load(inner, data)
    if origin is tuple:
        return _load_tuple(parameters, data)
    if origin in (list, frozenset):
        return origin(_load(parameters[0], item) for item in _expect(list, data))
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return {_load_key(parameters[0], key): _load(parameters[1], item) for key, item in _expect(dict, data).items()}
    return _load_plain(origin or kind, data)


def _load_tuple(parameters: tuple[Any, ...], data: Any) -> tuple[Any, ...]:
    items = _expect(list, data)
    if len(parameters) == 2 and parameters[1] is Ellipsis:
        return tuple(_load(parameters[0], item) for item in items)
    if len(items) != len(parameters):
        raise WireError(f"expected {len(parameters)} items, got {len(items)}")
    return tuple(_load(parameter, item) for parameter, item in zip(parameters, items))


def _load_key(kind: Any, key: str) -> Any:
    return int(key) if kind is int else _load(kind, key)


def _load_plain(kind: Any, data: Any) -> Any:
    if dataclasses.is_dataclass(kind):
        fields = _fields(typing.cast(type, kind))
        given = _expect(dict, data)
        if unknown := given.keys() - fields.keys():
            raise WireError(f"{kind.__name__} has no field {', '.join(sorted(unknown))}")
        return kind(**{name: _load(fields[name], item) for name, item in given.items()})
    if isinstance(kind, type) and issubclass(kind, enum.Enum):
        return kind[_expect(str, data)]
    if kind in _TEXT:
        return kind(_expect(str, data))
    if kind is bytes:
        return bytes.fromhex(_expect(str, data))
    if kind is type(None):
        return _expect(type(None), data)
    return _expect(kind, data)


def _expect(kind: Any, data: Any) -> Any:
    if not isinstance(data, kind) or (kind is int and isinstance(data, bool)):
        raise WireError(f"expected {kind.__name__}, got {type(data).__name__}")
    return data
