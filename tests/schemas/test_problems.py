"""Every mistake is told with its place, its line and what to do: word for word as problems.txt says."""

from __future__ import annotations

from pathlib import Path

import pytest

from schemas.loader import load
from state.problem import ManifestError
from tests.schemas.folders import told, write
from tests.schemas.problem_cases import CASES, Case

GOLDEN = Path(__file__).parent / "problems.txt"


def expected() -> dict[str, str]:
    """What is said of each case."""
    blocks = GOLDEN.read_text().split("## ")[1:]
    return {name: text.strip() for name, _, text in (block.partition("\n") for block in blocks)}


def said(case: Case, folder: Path) -> str:
    """All that loading a case says."""
    write(folder, case.edits, case.files)
    try:
        _, problems = load(folder)
    except ManifestError as error:
        problems = list(error.problems)
    return "\n".join(told(problem) for problem in problems)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_each_mistake_is_told_word_for_word(case: Case, tmp_path: Path) -> None:
    assert said(case, tmp_path) == expected()[case.name]


def test_nothing_is_expected_of_a_case_that_is_gone() -> None:
    assert [*expected()] == [case.name for case in CASES]


def test_a_valid_manifest_has_no_problems(tmp_path: Path) -> None:
    assert said(Case("valid"), tmp_path) == ""


def test_all_problems_of_all_files_are_told_at_once_in_order(tmp_path: Path) -> None:
    files = {"b.yaml": "hosts:\n  gamma: {adress: x}\n", "a.yaml": "namespaces:\n  ops: {lables: {}}\n"}
    write(tmp_path, {"id: 1}": "id: 300}", "{host: alpha,": "{host: omega,"}, files)
    with pytest.raises(ManifestError) as raised:
        load(tmp_path)
    places = [str(problem.source) for problem in raised.value.problems]
    assert places == ["a.yaml:2:9", "b.yaml:2:11", "netctl.yaml:1:27", "netctl.yaml:11:15"]


if __name__ == "__main__":
    # After changing a message on purpose: python -m tests.schemas.test_problems, then read the difference.
    import tempfile

    parts = [f"## {case.name}\n{said(case, Path(tempfile.mkdtemp()))}\n" for case in CASES]
    GOLDEN.write_text("\n".join(parts))
