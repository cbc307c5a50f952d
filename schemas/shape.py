"""DATA: checks a tree against the JSON Schema, and says what was expected in the schema's own words.

The manifest's schema uses a small part of JSON Schema 2020-12, and this reads that part: it is quicker to load than a
whole library, and it knows the places. A test holds it to the library's verdicts, and refuses a keyword that is not
read here. `x-later` names what is refused until it exists; `title` says what is expected; `examples` how to write it.
"""

from __future__ import annotations

import json
import re
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any, Optional

from schemas.formats import FORMATS
from schemas.positions import Node
from schemas.report import Report, closest, did_you_mean, suggest
from state.problem import Source

Schema = dict[str, Any]
TYPES = {"string": str, "object": dict, "array": list, "boolean": bool}


@cache
def manifest_schema() -> Schema:
    """The JSON Schema of a manifest."""
    schema: Schema = json.loads(text())
    return schema


def text() -> str:
    """The JSON Schema of a manifest, as it stands in its file."""
    return Path(__file__).with_name("netctl.schema.json").read_text()


class Shape:
    """Checks nodes against a schema; what is wrong goes to the report."""

    def __init__(self, root: Schema, report: Report) -> None:
        self._root, self._report = root, report
        self._dropped: set[str] = set()

    def dropped_below(self, path: str) -> bool:
        """Whether anything at or below a path did not fit."""
        return any(found == path or found.startswith((f"{path}.", f"{path}[")) for found in self._dropped)

    def check(self, node: Node, schema: Schema, path: str = "") -> Optional[Node]:
        """The part of the node that fits; None where so little fits that the whole is useless."""
        schema = self._resolved(schema)
        if node.wrong:
            self._dropped.add(path)
            return None
        if not self._fits_type(node, schema):
            self._expected(node, schema, path)
            return None
        if isinstance(node.value, dict):
            return self._mapping(node, schema, path)
        if isinstance(node.value, list):
            items = [self.check(item, schema["items"], f"{path}[{place}]") for place, item in enumerate(node.items)]
            return replace(node, value=[item for item in items if item is not None])
        return node if self._scalar(node, schema, path) else None

    def _resolved(self, schema: Schema) -> Schema:
        if "$ref" not in schema:
            return schema
        found: Schema = self._root["$defs"][schema["$ref"].rpartition("/")[2]]
        return found

    def _fits_type(self, node: Node, schema: Schema) -> bool:
        kinds: Any = schema["type"]
        for kind in [kinds] if isinstance(kinds, str) else kinds:
            if kind == "integer":
                if isinstance(node.value, int) and not isinstance(node.value, bool):
                    return True
            elif isinstance(node.value, TYPES[kind]):
                return True
        return False

    def _mapping(self, node: Node, schema: Schema, path: str) -> Optional[Node]:
        kept: dict[str, Node] = {}
        whole = True
        guessed: set[str] = set()
        for name, child in node.fields.items():
            inner = f"{path}.{name}" if path else name
            member = self._member(name, child, schema, path, guessed)
            checked = self.check(child, member, inner) if member is not None else None
            if checked is not None:
                kept[name] = checked
            elif name in schema.get("required", ()):
                whole = False
        for name in schema.get("required", ()):
            if name in guessed:
                whole = False
            elif name not in node.fields:
                what = self._resolved(schema["properties"][name])
                self._error(node.place, f'missing key "{name}"', f"Expected {_expectation(what)}.", path)
                whole = False
        return replace(node, value=kept) if whole else None

    def _member(self, name: str, child: Node, schema: Schema, path: str, guessed: set[str]) -> Optional[Schema]:
        """The schema of a member; None after reporting that there is no such, and noting what was meant."""
        known: dict[str, Schema] = schema.get("properties", {})
        if name in known:
            return known[name]
        if detail := schema.get("x-later", {}).get(name):
            self._error(child.place, f'"{path}.{name}" is not supported yet'.replace('".', '"'), detail, path)
            guessed.update(schema.get("required", ()))
            return None
        if schema["additionalProperties"] is False:
            self._error(child.place, f'unknown key "{name}"', suggest(name, list(known), "Known keys"), path)
            guessed.add(closest(name, known))
            return None
        names = self._resolved(schema.get("propertyNames", {}))
        if names and not _matches(names["pattern"], name):
            self._error(child.place, f'"{name}" cannot be a name here', f"Expected {_expectation(names)}.", path)
            return None
        other: Schema = schema["additionalProperties"]
        return other

    def _scalar(self, node: Node, schema: Schema, path: str) -> bool:
        value = node.value
        if isinstance(value, bool):
            return True
        if isinstance(value, int):
            if schema["minimum"] <= value <= schema["maximum"]:
                return True
            self._expected(node, schema, path)
            return False
        word = node.text
        if "enum" in schema and word not in schema["enum"]:
            self._not_among(node, word, schema, path)
            return False
        if len(word) < schema.get("minLength", 0) or not _matches(schema.get("pattern", ""), word):
            self._expected(node, schema, path)
            return False
        if (why := FORMATS[schema["format"]](word) if "format" in schema else "") != "":
            self._expected(node, schema, path, why)
            return False
        return True

    def _error(self, place: Source, summary: str, detail: str, path: str) -> None:
        self._dropped.add(path)
        self._report.error(place, summary, detail, path)

    def _not_among(self, node: Node, word: str, schema: Schema, path: str) -> None:
        if detail := schema.get("x-later", {}).get(word):
            self._error(node.source, f"{path}: {word} is not supported yet", detail, path)
            return
        hint = did_you_mean(word, schema["enum"])
        self._error(node.source, f'{path}: expected {schema["title"]}, not "{word}"', hint, path)

    def _expected(self, node: Node, schema: Schema, path: str, why: str = "") -> None:
        where = f"{path}: " if path else ""
        title = f"a mapping ({schema['title']})" if schema["type"] == "object" else schema["title"]
        summary = f"{where}expected {title}, not {shown(node)}"
        if why:
            summary += f": {why}"
        detail = f"Write it as: {_written(schema['examples'][0])}" if "examples" in schema else ""
        if node.value is None and schema["type"] in ("object", "array"):
            detail = f"Write {'{}' if schema['type'] == 'object' else '[]'} for an empty one, or leave the key out."
        if "string" in schema["type"] and isinstance(node.value, (int, float)):
            detail = "Numbers and booleans that are meant as text need quotes."
        self._error(node.source, summary, detail, path)


def shown(node: Node) -> str:
    """A node in a few words, for a sentence."""
    if isinstance(node.value, dict):
        return "a mapping"
    if isinstance(node.value, list):
        return "a list"
    if node.value is None:
        return "nothing"
    if isinstance(node.value, bool):
        return "true" if node.value else "false"
    if isinstance(node.value, (int, float)):
        return f"the number {node.value}"
    return f'"{node.value}"' if len(node.value) <= 60 else f'"{node.value[:57]}..."'


def _matches(pattern: str, word: str) -> bool:
    return re.search(pattern, word) is not None and "\n" not in word


def _expectation(schema: Schema) -> str:
    example = f", for example {_written(schema['examples'][0])}" if "examples" in schema else ""
    return f"{schema['title']}{example}"


def _written(example: object) -> str:
    return example if isinstance(example, str) else json.dumps(example)
