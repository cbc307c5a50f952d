"""DATA: whether the labels and ports of all endpoints are known: a mistake elsewhere is no reason to keep silent.

With an endpoint left out for a mistake, a selector may well select nobody: that is no mistake of its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from schemas.documents import is_policy
from schemas.judge import Path
from schemas.positions import Node
from schemas.report import closest
from schemas.sections import Sections, meant
from state.problem import Problem, Source

BESIDE = ("network", "ranges", "hosts", "assertions", "services", "bandwidth")
"""Sections that say nothing of labels."""
MEMBERS = ("host", "namespace", "labels", "attach", "ports", "address")


def labels(sections: Sections) -> bool:
    """Whether every endpoint has the labels that were written for it."""
    return (
        not sections.torn
        and sections.cluster is not None
        and "name" in sections.cluster.fields
        and not any(_of(path) in ("", "labels", "namespace") for path in sections.wrong)
    )


def ports(sections: Sections) -> bool:
    """Whether every endpoint has the ports that were written for it."""
    return not any(_of(path) in ("", "ports") for path in sections.wrong)


def _of(path: Path) -> str:
    """What of an endpoint a mistake is about; empty if it may be all, `nothing` if it is about none."""
    if path and (path[0] in BESIDE or path[:2] == ("cluster", "id")):
        return "nothing"
    if len(path) < 3 or path[0] != "endpoints":
        return ""
    return str(path[2]) if path[2] in MEMBERS else closest(str(path[2]), MEMBERS)


def read(problems: Iterable[Problem], roots: Sequence[Node]) -> bool:
    """Whether all of these, found in the text itself, stand in policies or in sections that say nothing of labels."""
    return all(problem.source is not None and _stands_beside(problem.source, roots) for problem in problems)


def _stands_beside(source: Source, roots: Sequence[Node]) -> bool:
    before = [root for root in roots if root.source.file == source.file and root.source.line <= source.line]
    if not before or is_policy(before[-1]):
        return bool(before)
    above = {name: node.place for name, node in before[-1].fields.items() if node.place.line <= source.line}
    if not above:
        return False
    name = max(above, key=lambda name: above[name].line)
    inside = source.line == above[name].line or source.column > above[name].column
    return inside and meant(name) in BESIDE
