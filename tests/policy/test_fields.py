"""The page about policies has every field that the code knows, and says what the code does with it.

Which fields there are is asked of the code itself: every mapping it reads names those it knows and those it refuses.
"""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml

from schemas.documents import KINDS
from state.policy.documents import read
from state.policy.node import Node
from state.policy.unenforced import NOT_IN_DENIALS, PORTS
from state.problem import Problem
from tests.policy.clusters import documents

PAGE = Path(__file__).parents[2] / "schemas" / "POLICY.md"
SAMPLES: list[Any] = list(yaml.safe_load_all((Path(__file__).parent / "fields.yaml").read_text()))

# The same thing at several places is told once, under the name on the right.
PLACES = [
    (r"^specs\[\]", "spec"),
    (r".*\b((endpoint|node|pod|namespace|cidrGroup)Selector|\w+(Endpoints|Nodes|Requires)\[\]|selector)", "selector"),
    (r".*CIDRSet\[\]", "CIDRSet[]"),
    (r".*\.icmps\[\]", "icmps[]"),
    (r".*\.toPorts\[\]\.ports\[\]", "ports[]"),
    (r"^spec\.(in|e)gress\[\]\.toPorts\[\]", "toPorts[]"),
    (r"^spec\.(in|e)gressDeny\[\]\.toPorts\[\]", "toPorts[] of a denial"),
    (r".*\.(authentication|auth|toFQDNs\[\]|toServices\[\])", r"\1"),
    (r".*(from|to)Groups\[\]", "Groups[]"),
    (r".*(secret|TLS)$", r"\1"),
    (r"^spec\.(in|e)gress\[\]\.ports\[\]", "ports[]"),
    (r"^spec\.(in|e)gress\[\]\.(from|to)\[\]", "from[] and to[]"),
    (r"^spec\.(in|e)gress\[\]$", "ingress[] and egress[]"),
    (r"^spec\.(in|e)gressDeny\[\]$", "ingressDeny[] and egressDeny[]"),
]
FREE = "any name"


class Field(NamedTuple):
    """A field, in which documents and where in them, and what becomes of it."""

    document: str
    place: str
    name: str
    treatment: str


def place(node: Node) -> tuple[str, str]:
    """The kind of document, and the place in it under the name that the page gives it."""
    text = "".join("[]" if isinstance(step, int) else f".{step}" for step in node.path).lstrip(".") or "document"
    for pattern, name in PLACES:
        text = re.sub(pattern, name, text)
    kind = "Cilium" if node.document.kind.endswith("NetworkPolicy") and node.document.kind != "NetworkPolicy" else ""
    shared = text == "metadata" or text.startswith(("metadata.", "selector"))
    return "every" if shared else kind or node.document.kind, text


Found = dict[tuple[str, str, str], tuple[str, list[tuple[int, tuple[Any, ...]]]]]
"""By document, place and name: the treatment as far as the code shows it, and where the samples have the field."""


def known_fields() -> Found:
    """All fields that reading the samples comes across, whether the samples have them or not."""
    found: Found = {}
    refused_at: set[tuple[str, tuple[Any, ...]]] = set()
    original = Node.mapping

    def spy(node: Node, known: Any, refused: Any, free: bool = False) -> bool:
        title = f"{node.document.kind} {node.document.name}"
        below = any((title, node.path[:length]) in refused_at for length in range(len(node.path) + 1))
        text = place(node)[1]
        refused_at.update((title, (*node.path, key)) for key in refused)
        for key in (*known, *refused, *([FREE] if free else [])):
            treatment = "refused" if key in refused else "checked" if below else "known"
            if key in known and ("Deny[]" in text or "denial" in text) and key in (*NOT_IN_DENIALS, *PORTS):
                treatment = "an error"
            before, places = found.get((*place(node), key), (treatment, []))
            present = [(node.path, name) for name in node.keys if name == key or key == FREE]
            places += [(names.index(title), (*path, name)) for path, name in present]
            found[(*place(node), key)] = ("known" if "known" in (before, treatment) else before, places)
        return original(node, known, refused, free)

    names = [f"{body['kind']} {body['metadata']['name']}" for body in SAMPLES]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Node, "mapping", spy)
        outcome(SAMPLES)
    return found


def page() -> Iterator[Field]:
    """The rows of the page's tables: `##` is the kind of document, `###` the place in it."""
    titles = {"Cilium policies": "Cilium", "Every document": "every"}
    document = where = ""
    for line in PAGE.read_text().splitlines():
        if line.startswith("## "):
            document = titles.get(line[3:], line[3:])
        elif line.startswith("### "):
            where = line[4:].replace("`", "")
        elif line.startswith("| ") and not line.startswith("| field"):
            name, treatment = (cell.strip().strip("`") for cell in line.split("|")[1:3])
            yield Field(document, where, name, treatment)


def outcome(bodies: list[Any]) -> tuple[list[Any], list[Problem]]:
    """What documents mean, without the lines they stand on, and what is wrong with them."""
    rules, problems = read(documents(yaml.safe_dump_all(bodies)))
    said: list[Any] = [(rule.document, rule.direction, rule.subject, rule.outcome) for rule in rules.rules]
    said += [(rule.peers, rule.ports, rule.log) for rule in rules.rules]
    said += [(part.document, part.direction, part.subject, part.isolates) for part in rules.sections]
    return said, problems


def without(at: tuple[int, tuple[Any, ...]]) -> list[Any]:
    """The samples without one field."""
    bodies = copy.deepcopy(SAMPLES)
    number, path = at
    body = bodies[number]
    for step in path[:-1]:
        body = body[step]
    del body[path[-1]]
    return bodies


CODE, ROWS = known_fields(), list(page()) if PAGE.exists() else []


def test_every_kind_of_document_has_samples() -> None:
    assert {body["kind"] for body in SAMPLES} == set(KINDS)


def test_the_page_has_the_fields_that_the_code_knows_and_no_others() -> None:
    rows = [row[:3] for row in ROWS]
    assert len(rows) == len(set(rows))
    assert sorted(rows) == sorted(CODE)


def test_the_samples_have_every_field() -> None:
    missing = [key for key, (treatment, places) in CODE.items() if not places and treatment != "an error"]
    assert missing == []


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.document} {row.place} {row.name}")
def test_the_page_says_what_becomes_of_a_field(row: Field) -> None:
    treatment, places = CODE[row[:3]]
    said, problems = outcome(SAMPLES)
    if treatment != "known":
        assert row.treatment.partition(",")[0] == treatment
    if row.treatment.startswith("refused"):
        paths = {("".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in at))[1:] for _, at in places}
        assert paths <= {problem.summary.split()[-2] for problem in problems if "cannot enforce" in problem.summary}
    elif row.treatment == "means nothing":
        assert all(outcome(without(at))[0] == said for at in places)
    elif row.treatment == "enforced" and row.name != "apiVersion":  # that one is the loader's: tests/schemas
        told = [problem.summary for problem in problems]
        changed = [outcome(without(at)) for at in places]
        assert any(now != said or [problem.summary for problem in then] != told for now, then in changed)


def test_the_samples_of_what_is_enforced_have_no_mistake() -> None:
    _, problems = outcome([body for body in SAMPLES if body["metadata"]["name"] != "refused"])
    assert [problem.summary for problem in problems] == []


if __name__ == "__main__":
    for key, (treatment, _) in sorted(CODE.items()):
        print(json.dumps([*key, treatment]))
