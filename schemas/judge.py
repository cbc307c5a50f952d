"""DATA: whether a tree fits the manifest's JSON Schema, by the verdict of the library `jsonschema`.

The verdict is final: nothing is refused that the library accepts, and nothing is kept that it does not.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cache, partial
from pathlib import Path as File
from typing import Any, Callable, Optional, Union

from schemas.formats import FORMATS
from schemas.positions import Node

Schema = dict[str, Any]
Path = tuple[Union[str, int], ...]
"""Where in a tree: keys of mappings and places in lists, from the root."""

_ORDER = ("additionalProperties", "type", "enum", "pattern", "minLength", "minimum", "maximum", "format", "required")
"""Of several findings about one value the first is told. A missing key comes last: it may be among the unknown ones."""


@dataclass(frozen=True)
class Finding:
    """What the library has against a value, in its own words: a keyword of the schema that is not satisfied.

    `schema` is the part of the schema where the keyword stands. `members` are the keys it is about, if it is about keys
    of a mapping: those that are too much, that may not be called so (`propertyNames`), or that are missing.
    """

    path: Path
    keyword: str
    schema: Schema
    words: str
    members: tuple[str, ...] = ()

    @property
    def places(self) -> list[Path]:
        """What must go for the finding to go: the value, or only the members that are too much."""
        if self.keyword in ("additionalProperties", "propertyNames"):
            return [(*self.path, name) for name in self.members]
        return [self.path]


@cache
def manifest_schema() -> Schema:
    """The JSON Schema of a manifest."""
    schema: Schema = json.loads(text())
    return schema


def text() -> str:
    """The JSON Schema of a manifest, as it stands in its file."""
    return File(__file__).with_name("netctl.schema.json").read_text()


@cache
def validator() -> Any:
    """The library's validator, with the formats that the schema names."""
    from jsonschema import Draft202012Validator, FormatChecker  # it takes 50 ms

    formats = FormatChecker(formats=())
    for name, check in FORMATS.items():
        formats.checks(name, raises=ValueError)(partial(_fits_format, check))
    return Draft202012Validator(manifest_schema(), format_checker=formats)


def _fits_format(check: Callable[[str], str], value: object) -> bool:
    if isinstance(value, str) and (why := check(value)):
        raise ValueError(why)
    return True


def findings(node: Node) -> list[Finding]:
    """All that the library has against a tree, in the order in which it is told."""
    found = map(_finding, validator().iter_errors(_plain(node)))
    known = {keyword: place for place, keyword in enumerate(_ORDER)}
    return sorted(found, key=lambda finding: known.get(finding.keyword, len(known)))


def _plain(node: Node) -> Any:
    if isinstance(node.value, dict):
        return {name: _plain(child) for name, child in node.value.items()}
    return [_plain(item) for item in node.value] if isinstance(node.value, list) else node.value


def _finding(error: Any) -> Finding:
    path: Path = tuple(error.absolute_path)
    keyword: str = error.validator
    steps = [step for step in error.absolute_schema_path if step != "$ref"]
    if steps[-2:-1] == ["propertyNames"] and steps[-3:-2] != ["properties"]:
        return Finding(path, "propertyNames", error.schema, error.message, (error.instance,))
    members: Iterable[str] = ()
    if keyword == "additionalProperties":
        members = (name for name in error.instance if name not in error.schema.get("properties", {}))
    if keyword == "required":
        members = (name for name in error.validator_value if name not in error.instance)
    words = str(error.cause or error.message)
    return Finding(path, keyword, error.schema, words, tuple(members))


def wrong(node: Node, path: Path = ()) -> Iterator[Path]:
    """Where there are values that are no good whatever the schema says."""
    if node.wrong:
        yield path
    for name, child in node.fields.items():
        yield from wrong(child, (*path, name))
    for place, item in enumerate(node.items):
        yield from wrong(item, (*path, place))


def without(node: Node, dropped: set[Path], path: Path = ()) -> Optional[Node]:
    """The tree without what is at these places; None without its root."""
    if path in dropped:
        return None
    if isinstance(node.value, dict):
        members = {name: without(child, dropped, (*path, name)) for name, child in node.value.items()}
        return replace(node, value={name: child for name, child in members.items() if child is not None})
    if isinstance(node.value, list):
        items = [without(item, dropped, (*path, place)) for place, item in enumerate(node.value)]
        return replace(node, value=[item for item in items if item is not None])
    return node
