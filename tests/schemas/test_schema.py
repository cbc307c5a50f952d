"""The schema is valid JSON Schema 2020-12, our reader of it agrees with a library, and every field means something."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Optional

import jsonschema
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas import load, positions, shape
from schemas.formats import FORMATS
from schemas.report import Report
from state.manifest import Manifest
from state.problem import ManifestError, Problem
from tests.schemas.every_field import FIELDS, with_field
from tests.schemas.folders import POLICY

SCHEMA: Any = shape.manifest_schema()
READ = {
    "$schema", "$id", "title", "description", "examples", "x-later", "$defs", "$ref", "type", "properties", "required",
    "additionalProperties", "propertyNames", "items", "enum", "pattern", "format", "minimum", "maximum", "minLength",
}  # fmt: skip


def fields(schema: Any, path: str = "") -> Iterator[str]:
    """The path of every field that can be written, with the names that FULL uses where any name will do."""
    schema = SCHEMA["$defs"][schema["$ref"].rpartition("/")[2]] if "$ref" in schema else schema
    names = {"hosts": "alpha", "namespaces": "shop", "endpoints": "db"}
    if "array" in schema["type"]:
        yield from fields(schema["items"], f"{path}.0")
    elif "object" not in schema["type"] or "string" in schema["type"]:
        yield path
    for name, member in schema.get("properties", {}).items():
        yield from fields(member, f"{path}.{name}".lstrip("."))
    if isinstance(schema.get("additionalProperties"), dict):
        last = path.rpartition(".")[2]
        label = "team" if "namespaces" in path else "zone" if "hosts" in path else "app"
        example = names.get(path) or {"labels": label, "ports": "postgres"}[last]
        yield from fields(schema["additionalProperties"], f"{path}.{example}")


def loaded(folder: Path, document: object) -> Manifest:
    """The manifest of a document, beside two policies."""
    (folder / "policies").mkdir(exist_ok=True)
    (folder / "policies" / "db.yaml").write_text(POLICY)
    (folder / "other.yaml").write_text(POLICY.replace("name: db,", "name: other,"))
    (folder / "netctl.yaml").write_text(yaml.safe_dump(document, sort_keys=False))
    manifest, _ = load(folder)
    return manifest


def plain(manifest: Manifest) -> str:
    """A manifest as text without its places: what it says."""
    import re

    return re.sub(r"Source\([^)]*\)", "", repr(manifest))


def test_the_schema_is_valid_json_schema_2020_12() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


def test_the_schema_uses_no_keyword_that_we_do_not_read() -> None:
    unread: set[str] = set()

    def walk(schema: Any) -> None:
        unread.update(schema.keys() - READ)
        if "format" in schema:
            assert schema["format"] in FORMATS
        if "object" in schema.get("type", ()) and "additionalProperties" not in schema:
            unread.add(f"an open object: {schema.get('title')}")
        for name in ("properties", "$defs"):
            for member in schema.get(name, {}).values():
                walk(member)
        for name in ("items", "propertyNames", "additionalProperties"):
            if isinstance(schema.get(name), dict):
                walk(schema[name])

    walk(SCHEMA)
    assert unread == set()


def test_the_list_of_fields_is_complete() -> None:
    assert sorted({*fields(SCHEMA), "endpoints.db.address"}) == sorted(FIELDS)


@pytest.mark.parametrize("path", [path for path, value in FIELDS.items() if value is not None])
def test_no_field_is_ignored_each_alone_changes_the_manifest(path: str, tmp_path: Path) -> None:
    before = plain(loaded(tmp_path, with_field("network.port", 8472)))
    if path == "network.mode":
        before = plain(loaded(tmp_path, {**with_field(path, "overlay")}))
    assert plain(loaded(tmp_path, with_field(path, FIELDS[path]))) != before


CLOSED = {path.rpartition(".")[0] for path in FIELDS if not path.rpartition(".")[0].endswith(("labels", "ports"))}


@pytest.mark.parametrize("path", sorted(CLOSED - {"include"}))
def test_a_field_that_does_not_exist_is_refused_by_name(path: str, tmp_path: Path) -> None:
    with pytest.raises(ManifestError) as raised:
        loaded(tmp_path, with_field(f"{path}.frobnicate", "x"))
    assert 'unknown key "frobnicate"' in [problem.summary for problem in raised.value.problems]


def later(schema: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """Every field and value that the schema names as coming later, with its path."""
    schema = SCHEMA["$defs"][schema["$ref"].rpartition("/")[2]] if "$ref" in schema else schema
    for name in schema.get("x-later", {}):
        yield path, name
    for name, member in schema.get("properties", {}).items():
        yield from later(member, f"{path}.{name}".lstrip("."))
    if isinstance(schema.get("additionalProperties"), dict):
        yield from later(schema["additionalProperties"], f"{path}.{'alpha' if path == 'hosts' else 'db'}")


@pytest.mark.parametrize(("path", "name"), [*later(SCHEMA)])
def test_what_comes_later_is_refused_by_name(path: str, name: str, tmp_path: Path) -> None:
    document = (
        with_field(path, name) if path == "network.encapsulation" else with_field(f"{path}.{name}".lstrip("."), {})
    )
    with pytest.raises(ManifestError) as raised:
        loaded(tmp_path, document)
    assert any(name in problem.summary and "not supported yet" in problem.summary for problem in raised.value.problems)


def complaints(document: object) -> list[Problem]:
    """What our reader of the schema says of a document."""
    report = Report()
    text = json.dumps(document)
    for node in positions.read(text, "netctl.yaml", report):
        shape.Shape(SCHEMA, report).check(node, SCHEMA)
    return report.sorted()


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-3, 70000)
    | st.sampled_from(["", "web", "Web", "80/TCP", "10.0.0.0/8", "::1"]),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(st.sampled_from(["name", "id", "ipv4", "host", "labels", "x"]), inner, max_size=2)
    ),
    max_leaves=4,
)


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(sorted(FIELDS)), JSON, st.booleans())
def test_our_reader_of_the_schema_agrees_with_the_library(path: str, value: object, whole: bool) -> None:
    document = with_field(path if not whole else path.rpartition(".")[0] or path, value)
    library: Any = jsonschema.Draft202012Validator(SCHEMA)
    theirs = library.is_valid(document)
    ours = complaints(document)
    of_formats = [problem for problem in ours if _is_about_a_format(problem)]
    assert (ours == []) == theirs or (theirs and len(of_formats) == len(ours))


def _is_about_a_format(problem: Problem) -> bool:
    """The library does not judge our formats; where a text fits its pattern but is no address, we alone complain."""
    return any(problem.summary.count(f"expected {title}, not") for title in _titles_with_format(SCHEMA))


def _titles_with_format(schema: Any) -> set[str]:
    found: set[str] = {schema["title"]} if "format" in schema else set()
    for name in ("properties", "$defs"):
        for member in schema.get(name, {}).values():
            found |= _titles_with_format(member)
    for name in ("items", "additionalProperties"):
        inner: Optional[Any] = schema.get(name)
        if isinstance(inner, dict):
            found |= _titles_with_format(inner)
    return found
