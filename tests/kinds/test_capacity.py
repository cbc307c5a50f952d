"""What does not fit into the maps is said at plan time, by name, with both numbers."""

from __future__ import annotations

import pytest

from state import kernel_bpf
from state.kinds.policy import Policies
from tests.kinds.towns import cluster, facts

TOWN = cluster(endpoints={"web": "alpha", "db": "alpha"})


def test_a_small_town_fits() -> None:
    assert Policies().notices(TOWN, "alpha", facts()) == ()


@pytest.mark.parametrize(("table", "size"), [("addresses", 12), ("blocks", 4), ("endpoints", 2), ("hosts", 2)])
def test_a_table_that_is_too_small_is_named(monkeypatch: pytest.MonkeyPatch, table: str, size: int) -> None:
    monkeypatch.setattr("state.kinds.policy.CAPACITY", {**kernel_bpf.CAPACITY, table: size - 1})
    (problem,) = Policies().notices(TOWN, "alpha", facts())
    assert problem.summary == f"the table {table} would need {size} entries, and has room for {size - 1}"
    assert (problem.severity, problem.address) == ("error", "host alpha")
