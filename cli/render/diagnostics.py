"""WORKSTATION: what `netctl validate` prints: boxes and a sentence for people, one object for programs."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable

from cli.render.problems import show as boxes
from state.manifest import Manifest
from state.policy.documents import POLICIES
from state.problem import Problem, errors

FORMAT_VERSION = "1.0"


def show(problems: list[Problem], summary: str, output: str) -> None:
    """Print the outcome: the result to standard output; for people, problems to standard error."""
    if output == "json":
        json.dump(document(problems), sys.stdout, indent=2)
        sys.stdout.write("\n")
        return
    boxes(problems)
    if not errors(problems):
        print(f"Valid: {summary}.")


def document(problems: Iterable[Problem]) -> dict[str, object]:
    """The outcome as one object, in the shape that `terraform validate -json` made familiar."""
    listed = list(problems)
    wrong = len(errors(listed))
    return {
        "format_version": FORMAT_VERSION,
        "valid": wrong == 0,
        "error_count": wrong,
        "warning_count": len(listed) - wrong,
        "diagnostics": [_diagnostic(problem) for problem in listed],
    }


def _diagnostic(problem: Problem) -> dict[str, object]:
    source = problem.source
    return {
        "severity": problem.severity,
        "summary": problem.summary,
        "detail": problem.detail,
        "address": problem.address or None,
        "range": source and {"filename": source.file, "start": {"line": source.line, "column": source.column or None}},
        "snippet": {"code": problem.snippet} if problem.snippet else None,
    }


def counted(manifest: Manifest) -> str:
    """What a valid manifest holds: `3 hosts, 5 endpoints, 5 policies, 23 assertions`."""
    counts = {
        "host": len(manifest.hosts),
        "endpoint": len(manifest.endpoints),
        "polic": sum(document.kind in POLICIES for document in manifest.documents),
        "assertion": len(manifest.assertions),
    }
    return ", ".join(f"{number} {_plural(word, number)}" for word, number in counts.items())


def _plural(word: str, number: int) -> str:
    if word == "polic":
        return "policy" if number == 1 else "policies"
    return word if number == 1 else f"{word}s"
