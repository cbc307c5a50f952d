"""DATA: checks a tree against the JSON Schema, and says what was expected in the schema's own words.

The library judges (`schemas.judge`); here each of its findings gets its place in the file and a sentence. `x-later` in
the schema names what is refused until it exists; `title` says what is expected; `examples` how to write it.
"""

from __future__ import annotations

import json
from typing import Optional

from schemas import judge
from schemas.judge import Finding, Path, Schema
from schemas.positions import Node
from schemas.report import Report, closest, did_you_mean, suggest

_SAID = ("type", "enum", "pattern", "minLength", "minItems", "minimum", "maximum")
"""Keywords of which `title` says it all."""


class Shape:
    """Checks a node against the manifest's schema; what is wrong goes to the report.

    Then `wrong` is where something did not fit, and `pieces` is the tree without just that: each value in it is right,
    though what must stand beside it may be missing.
    """

    def __init__(self, report: Report) -> None:
        self._report = report
        self.wrong: set[Path] = set()
        self.pieces: Optional[Node] = None

    def check(self, node: Node) -> Optional[Node]:
        """The part of the node that fits; None where so little fits that the whole is useless."""
        found = judge.findings(node)
        self._tell(node, found)
        unfit = (place for finding in found if finding.keyword != "required" for place in finding.places)
        self.wrong = {*judge.wrong(node), *unfit}
        self.pieces = judge.without(node, self.wrong)
        dropped = {*self.wrong, *(place for finding in found for place in finding.places)}
        fitting: Optional[Node] = node
        while dropped and fitting is not None:
            fitting = judge.without(fitting, dropped)
            # A mapping that has lost a member it must have does not fit either: that, too, is the library's to say.
            found = judge.findings(fitting) if fitting is not None else []
            dropped = {place for finding in found for place in finding.places}
        return fitting

    def _tell(self, root: Node, found: list[Finding]) -> None:
        told: set[Path] = set()
        guessed: dict[Path, set[str]] = {}
        for finding in found:
            node = _at(root, finding.path)
            meant = guessed.setdefault(finding.path, set())
            if finding.keyword == "propertyNames":
                self._misnamed(node, finding)
            elif finding.keyword == "additionalProperties":
                meant.update(*(self._unknown(node, name, finding) for name in finding.members))
            elif finding.keyword == "required":
                self._missing(node, finding, meant)
                meant.update(finding.members)  # the library has one finding for each of them
            elif finding.path not in told and not node.wrong:
                self._unfit(node, finding)
                told.add(finding.path)

    def _misnamed(self, node: Node, finding: Finding) -> None:
        for name in finding.members:
            expected = f"Expected {_expectation(finding.schema)}."
            self._report.error(
                node.fields[name].place, f'"{name}" cannot be a name here', expected, _text(finding.path)
            )

    def _unknown(self, node: Node, name: str, finding: Finding) -> set[str]:
        """Tell of a key that the schema does not have; the keys that were probably meant."""
        place, path, schema = node.fields[name].place, _text(finding.path), finding.schema
        if detail := schema.get("x-later", {}).get(name):
            self._report.error(place, f'"{_text((*finding.path, name))}" is not supported yet', detail, path)
            return set(schema.get("required", ()))
        known: dict[str, Schema] = schema.get("properties", {})
        self._report.error(place, f'unknown key "{name}"', suggest(name, list(known), "Known keys"), path)
        return {closest(name, known)}

    def _missing(self, node: Node, finding: Finding, meant: set[str]) -> None:
        for name in finding.members:
            if name not in meant:
                expected = f"Expected {_expectation(finding.schema['properties'][name])}."
                self._report.error(node.place, f'missing key "{name}"', expected, _text(finding.path))

    def _unfit(self, node: Node, finding: Finding) -> None:
        schema, path, word = finding.schema, _text(finding.path), node.text
        if finding.keyword != "enum" or not word:
            self._expected(node, finding, path)
        elif detail := schema.get("x-later", {}).get(word):
            self._report.error(node.source, f"{path}: {word} is not supported yet", detail, path)
        else:
            summary = f'{path}: expected {schema["title"]}, not "{word}"'
            self._report.error(node.source, summary, did_you_mean(word, schema["enum"]), path)

    def _expected(self, node: Node, finding: Finding, path: str) -> None:
        schema = finding.schema
        title = f"a mapping ({schema['title']})" if schema["type"] == "object" else schema["title"]
        summary = f"{path}{': ' if path else ''}expected {title}, not {shown(node)}"
        if finding.keyword not in _SAID:
            summary += f": {finding.words}"
        detail = f"Write it as: {_written(schema['examples'][0])}" if "examples" in schema else ""
        if node.value is None and schema["type"] in ("object", "array"):
            detail = f"Write {'{}' if schema['type'] == 'object' else '[]'} for an empty one, or leave the key out."
        if "string" in schema["type"] and "format" not in schema and isinstance(node.value, (int, float)):
            detail = "Numbers and booleans that are meant as text need quotes."
        self._report.error(node.source, summary, detail, path)


def _at(node: Node, path: Path) -> Node:
    for step in path:
        node = node.items[step] if isinstance(step, int) else node.fields[step]
    return node


def _text(path: Path) -> str:
    return "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path).removeprefix(".")


def shown(node: Node) -> str:
    """A node in a few words, for a sentence."""
    if isinstance(node.value, dict):
        return "a mapping"
    if isinstance(node.value, list):
        return "a list" if node.value else "an empty list"
    if node.value is None:
        return "nothing"
    if isinstance(node.value, bool):
        return "true" if node.value else "false"
    if isinstance(node.value, (int, float)):
        return f"the number {node.value}"
    return f'"{node.value}"' if len(node.value) <= 60 else f'"{node.value[:57]}..."'


def _expectation(schema: Schema) -> str:
    if "$ref" in schema:
        schema = judge.manifest_schema()["$defs"][schema["$ref"].rpartition("/")[2]]
    example = f", for example {_written(schema['examples'][0])}" if "examples" in schema else ""
    return f"{schema['title']}{example}"


def _written(example: object) -> str:
    return example if isinstance(example, str) else json.dumps(example)
