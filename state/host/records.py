"""HOST: what netctl uses of `dataclasses`, made in a tenth of the time.

An agent lives for a fraction of a second and defines more than a hundred classes; the standard module writes and
compiles source for each, and imports `inspect` for it: half of what an agent costs a host. Here a class gets the same
methods by closures. The first stage puts this module in the place of `dataclasses`; tests compare the two on every
class. Only frozen classes, defaults, `default_factory`, `compare` and `order` are known; anything else is refused.
"""

from __future__ import annotations

import sys
from operator import itemgetter
from typing import Any, Callable, Optional


class FrozenInstanceError(AttributeError):
    """An attempt to change a value."""


class _Missing:
    """No default."""


MISSING = _Missing()


class Field:
    """One field of a class."""

    __slots__ = ("compare", "default", "default_factory", "name", "type")

    def __init__(self, default: Any = MISSING, default_factory: Any = MISSING, compare: bool = True) -> None:
        self.name = ""
        self.type: Any = None
        self.default = default
        self.default_factory = default_factory
        self.compare = compare


def field(*, default: Any = MISSING, default_factory: Any = MISSING, compare: bool = True) -> Any:
    """A field with more to say than its type."""
    return Field(default, default_factory, compare)


def fields(record: Any) -> tuple[Field, ...]:
    """The fields of a class or a value, in order."""
    return tuple(record.__dataclass_fields__.values())


def is_dataclass(record: Any) -> bool:
    """Whether it is such a class or a value of one."""
    return hasattr(record, "__dataclass_fields__")


def replace(record: Any, **changes: Any) -> Any:
    """A copy with some fields different."""
    return type(record)(**{**{name: getattr(record, name) for name in record.__dataclass_fields__}, **changes})


def dataclass(cls: Optional[type] = None, *, frozen: bool = False, order: bool = False) -> Any:
    """The decorator."""
    if cls is None:

        def decorator(decorated: type) -> Any:
            return dataclass(decorated, frozen=frozen, order=order)

        return decorator
    if not frozen:
        raise TypeError(f"{cls.__name__} is not frozen")
    known = _fields(cls)
    setattr(cls, "__dataclass_fields__", known)  # noqa: B010  (a type checker knows no such attribute)
    methods = [_init(cls, known), _repr(known), *_comparisons(known, order), *_refusals()]
    for method in methods:
        if method.__name__ not in cls.__dict__ or method.__name__ == "__hash__":
            setattr(cls, method.__name__, method)
    return cls


def _fields(cls: type) -> dict[str, Field]:
    known: dict[str, Field] = {}
    for base in reversed(cls.__mro__[1:]):
        known.update(getattr(base, "__dataclass_fields__", {}))
    own = vars(cls).get("__annotations__")
    if own is None and sys.version_info >= (3, 10):
        own = cls.__annotations__
    for name, kind in (own or {}).items():
        if str(kind).startswith(("ClassVar", "typing.ClassVar")):
            continue
        default = cls.__dict__.get(name, MISSING)
        made = default if isinstance(default, Field) else Field(default)
        made.name, made.type = name, kind
        known[name] = made
        if made is default:
            if made.default is MISSING:
                delattr(cls, name)
            else:
                setattr(cls, name, made.default)
    return known


def _init(cls: type, known: dict[str, Field]) -> Callable[..., None]:
    names = tuple(known)
    size = len(names)
    defaults = {name: item.default for name, item in known.items() if item.default is not MISSING}
    factories = {name: item.default_factory for name, item in known.items() if item.default_factory is not MISSING}
    finish = getattr(cls, "__post_init__", None)

    def __init__(self: Any, *args: Any, **given: Any) -> None:  # noqa: N807
        values = self.__dict__
        if len(args) == size and not given:
            values.update(zip(names, args))
        else:
            if len(args) > size or not given.keys().isdisjoint(names[: len(args)]):
                raise TypeError(f"{cls.__name__}: too many values, or one twice")
            values.update(defaults)
            values.update(zip(names, args))
            values.update(given)
            for name, factory in factories.items():
                if name not in values:
                    values[name] = factory()
            if values.keys() != known.keys():
                raise TypeError(f"{cls.__name__}: missing or unknown: {sorted(values.keys() ^ known.keys())}")
        if finish is not None:
            finish(self)

    return __init__


def _repr(known: dict[str, Field]) -> Callable[[Any], str]:
    def __repr__(self: Any) -> str:  # noqa: N807
        return f"{type(self).__qualname__}({', '.join(f'{name}={getattr(self, name)!r}' for name in known)})"

    return __repr__


def _comparisons(known: dict[str, Field], order: bool) -> list[Callable[..., Any]]:
    names = [name for name, item in known.items() if item.compare]
    key: Callable[[Any], Any] = itemgetter(*names) if names else lambda values: ()

    def __eq__(self: Any, other: Any) -> Any:  # noqa: N807
        if other.__class__ is not self.__class__:
            return NotImplemented
        return key(self.__dict__) == key(other.__dict__)

    def __hash__(self: Any) -> int:  # noqa: N807
        return hash(key(self.__dict__))

    def __lt__(self: Any, other: Any) -> Any:  # noqa: N807
        if other.__class__ is not self.__class__:
            return NotImplemented
        return key(self.__dict__) < key(other.__dict__)

    return [__eq__, __hash__, __lt__] if order else [__eq__, __hash__]


def _refusals() -> list[Callable[..., None]]:
    def __setattr__(self: Any, name: str, value: Any) -> None:  # noqa: N807
        raise FrozenInstanceError(f"cannot assign to field {name!r}")

    def __delattr__(self: Any, name: str) -> None:  # noqa: N807
        raise FrozenInstanceError(f"cannot delete field {name!r}")

    return [__setattr__, __delattr__]
