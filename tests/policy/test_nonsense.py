"""Whatever stands in a document, reading it ends in problems with a line, never in an exception."""

from __future__ import annotations

import contextlib
import copy
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from state.policy.documents import check
from tests.policy.clusters import Pod, manifest
from tests.policy.hosts import document

SAMPLES: list[Any] = list(yaml.safe_load_all((Path(__file__).parent / "fields.yaml").read_text()))
PODS = [Pod("shop", "db", {"app": "db"}, ports={"sql": "5432/TCP"})]
NONSENSE: list[Any] = [
    None, True, 0, -1, 70000, 1.5, "", "x", "*", "a/b", "10.0.0.0/8", "k8s:x", [], [None], [[]], {}, {"x": 1}
]  # fmt: skip


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The path of every value below `spec` and `specs`."""
    steps: list[Any] = []
    if isinstance(value, dict):
        steps = list(cast("dict[str, object]", value))
    elif isinstance(value, list):
        steps = list(range(len(cast("list[object]", value))))
    for step in steps:
        yield (*path, step)
        yield from places(value[step], (*path, step))


PLACES = [
    (number, path)
    for number, body in enumerate(SAMPLES)
    for path in places(body)
    if path[0] not in ("kind", "apiVersion", "metadata")
]


@settings(deadline=None, max_examples=300)
@given(st.lists(st.tuples(st.sampled_from(PLACES), st.sampled_from(NONSENSE)), min_size=1, max_size=3))
def test_nonsense_anywhere_is_told_with_its_line(changes: list[tuple[tuple[int, tuple[Any, ...]], Any]]) -> None:
    bodies = copy.deepcopy(SAMPLES)
    for (number, path), value in changes:
        with contextlib.suppress(LookupError, TypeError):  # an earlier change took the place away
            target = bodies[number]
            for step in path[:-1]:
                target = target[step]
            target[path[-1]] = value
    found = check(manifest(PODS, [document(body, line) for line, body in enumerate(bodies, 1)]))
    assert all(problem.source is not None and problem.summary for problem in found)
