"""The schema is valid JSON Schema 2020-12, the library's verdict is ours, and every field means something."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Optional, Union

import jsonschema
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas import judge, positions, shape
from schemas.formats import FORMATS
from schemas.loader import load
from schemas.positions import Node
from schemas.report import Report
from state.manifest import Manifest
from state.problem import ManifestError, Problem
from tests.schemas.every_field import FIELDS, with_field, without_field
from tests.schemas.folders import POLICY

SCHEMA: Any = judge.manifest_schema()


def fields(schema: Any, path: str = "") -> Iterator[str]:
    """The path of every field that can be written, with the names that FULL uses where any name will do."""
    schema = SCHEMA["$defs"][schema["$ref"].rpartition("/")[2]] if "$ref" in schema else schema
    names = {"hosts": "alpha", "namespaces": "shop", "endpoints": "db"}
    kinds = {schema["type"]} if isinstance(schema["type"], str) else {*schema["type"]}
    if "array" in kinds:
        yield from fields(schema["items"], f"{path}.0")
    if kinds - {"array", "object"}:
        yield path
    for name, member in schema.get("properties", {}).items():
        yield from fields(member, f"{path}.{name}".lstrip("."))
    if isinstance(schema.get("additionalProperties"), dict):
        last = path.rpartition(".")[2]
        label = "team" if "namespaces" in path else "zone" if "hosts" in path else "app"
        example = names.get(path) or {"labels": label, "ports": "postgres", "matchLabels": "app"}[last]
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
    return re.sub(r"Source\([^)]*\)", "", repr(manifest))


def test_the_schema_is_valid_json_schema_2020_12() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


def test_every_part_of_the_schema_says_what_it_expects_and_leaves_nothing_open() -> None:
    found: list[object] = []

    def walk(schema: Any) -> None:
        if "$ref" not in schema and "title" not in schema:
            found.append(schema)
        if "object" in schema.get("type", ()) and "additionalProperties" not in schema:
            found.append(f"an open object: {schema.get('title')}")
        if schema.get("format", "port") not in FORMATS:
            found.append(f"an unknown format: {schema['format']}")
        for name in ("properties", "$defs"):
            for member in schema.get(name, {}).values():
                walk(member)
        for name in ("items", "propertyNames", "additionalProperties"):
            if isinstance(schema.get(name), dict):
                walk(schema[name])

    walk(SCHEMA)
    assert found == []


def test_the_list_of_fields_is_complete() -> None:
    assert sorted({*fields(SCHEMA), "endpoints.db.address"}) == sorted(FIELDS)


@pytest.mark.parametrize("path", [path for path, value in FIELDS.items() if value is not None])
def test_no_field_is_ignored_each_alone_changes_the_manifest(path: str, tmp_path: Path) -> None:
    before = plain(loaded(tmp_path, without_field(path)))
    assert plain(loaded(tmp_path, with_field(path, FIELDS[path]))) != before


OPEN = ("labels", "matchLabels", "ports", "values", "include")
CLOSED = {parent for path in FIELDS if not (parent := path.rpartition(".")[0]).endswith(OPEN)}


@pytest.mark.parametrize("path", sorted(CLOSED))
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


def checked(document: object) -> tuple[Optional[Node], list[Problem]]:
    """What of a document fits, and what is said of the rest."""
    report = Report()
    (node,) = positions.read(json.dumps(document), "netctl.yaml", report)
    return shape.Shape(report).check(node), report.sorted()


def bare(node: Node) -> Any:
    """A tree without its places."""
    if isinstance(node.value, dict):
        return {name: bare(child) for name, child in node.fields.items()}
    return [bare(item) for item in node.items] if isinstance(node.value, list) else node.value


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
def test_what_the_library_finds_is_told_at_its_place_and_what_it_accepts_is_accepted(
    path: str, value: object, whole: bool
) -> None:
    document = with_field(path if not whole else path.rpartition(".")[0] or path, value)
    found = {written(error.absolute_path) for error in judge.validator().iter_errors(document)}
    fitting, told = checked(document)
    assert {problem.address for problem in told} == found
    assert all(problem.source is not None and problem.source.column for problem in told)
    if not found:
        assert fitting is not None
        assert bare(fitting) == document


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(sorted(FIELDS)), JSON)
def test_what_is_kept_of_a_document_fits(path: str, value: object) -> None:
    fitting, _ = checked(with_field(path, value))
    assert fitting is None or judge.validator().is_valid(bare(fitting))


def written(path: Iterable[Union[str, int]]) -> str:
    """A place in a document, as messages have it."""
    return re.sub(r"\.(\d+)(?=\.|$)", r"[\1]", ".".join(map(str, path)))


@pytest.mark.parametrize("name", sorted(FORMATS))
@given(text=st.text() | st.from_regex(r"[0-9a-f.:]{1,12}/[0-9]{1,4}(/TCP)?"))
def test_no_text_is_too_odd_for_a_format(name: str, text: str) -> None:
    assert isinstance(FORMATS[name](text), str)


def test_a_number_that_is_integral_is_an_integer(tmp_path: Path) -> None:
    assert loaded(tmp_path, with_field("cluster.id", 2.0)).id == 2


@pytest.mark.parametrize("path", ["cluster.name", "endpoints.db.attach.netns", "endpoints.db.labels.app"])
def test_text_ends_where_its_line_does(path: str, tmp_path: Path) -> None:
    with pytest.raises(ManifestError, match="expected"):
        loaded(tmp_path, with_field(path, "shop\n"))
