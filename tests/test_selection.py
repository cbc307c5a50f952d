"""Which hosts a command is about."""

from __future__ import annotations

import pytest

from inventory.selection import select
from state.problem import ManifestError, UsageError

HOSTS = {
    "alpha": {"zone": "a", "rack": "1"},
    "beta": {"zone": "b", "rack": "1"},
    "db-1": {"zone": "a", "role": "db"},
    "db-2": {"zone": "b", "role": "db"},
}

CASES: list[tuple[list[str], list[str], list[str]]] = [
    ([], [], ["alpha", "beta", "db-1", "db-2"]),
    (["beta", "alpha"], [], ["alpha", "beta"]),
    (["db-*"], [], ["db-1", "db-2"]),
    ([], ["zone=a"], ["alpha", "db-1"]),
    ([], ["zone=a", "role=db"], ["db-1"]),
    ([], ["zone=a,role=db"], ["db-1"]),
    ([], ["zone!=a"], ["beta", "db-2"]),
    ([], ["role"], ["db-1", "db-2"]),
    ([], ["!role"], ["alpha", "beta"]),
    (["db-*", "alpha"], ["zone=a"], ["alpha", "db-1"]),
]


@pytest.mark.parametrize(("names", "labels", "expected"), CASES)
def test_names_and_labels_choose(names: list[str], labels: list[str], expected: list[str]) -> None:
    assert select(HOSTS, names, labels) == expected


REFUSED: list[tuple[list[str], list[str], str, str]] = [
    (["alhpa"], [], "there is no host alhpa", "Did you mean alpha?"),
    (["x"], [], "there is no host x", "There are: alpha, beta, db-1, db-2."),
    ([], ["zoen=a"], "no host has a label zoen", "Did you mean zone?"),
    ([], ["role=dbb"], "no host has the label role=dbb", "Did you mean db?"),
    (["alpha"], ["role=db"], "no host is meant by --host alpha --label role=db", "Each of these matches hosts, but"),
]


@pytest.mark.parametrize(("names", "labels", "summary", "detail"), REFUSED)
def test_what_matches_nothing_is_refused(names: list[str], labels: list[str], summary: str, detail: str) -> None:
    with pytest.raises(UsageError) as refusal:
        select(HOSTS, names, labels)
    assert refusal.value.problems[0].summary == summary
    assert refusal.value.problems[0].detail.startswith(detail)


@pytest.mark.parametrize("names", [[], ["alpha"]])
def test_a_manifest_without_hosts_is_told_as_that(names: list[str]) -> None:
    with pytest.raises(ManifestError) as refusal:
        select({}, names)
    assert [problem.summary for problem in refusal.value.problems] == ["the manifest has no hosts"]
    assert refusal.value.problems[0].detail == "Write at least one under `hosts`, then run `netctl lock`."


def test_all_that_is_wrong_is_said_at_once() -> None:
    with pytest.raises(UsageError) as refusal:
        select(HOSTS, ["x", "y"], ["z"])
    assert len(refusal.value.problems) == 3
