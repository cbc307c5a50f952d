"""What each kind wants and plans, as data: `tests/kinds/KIND/*.yaml`, a list of cases each.

A case has `case` (a sentence), `cluster` and `facts` (see `towns`), `observed` (`{}`: an empty host, or `as desired`),
`edits` of what is observed by address (fields, `gone`, or `foreign`), and what is expected: `plan` (lines; those of the
host alpha), `after` (fields of values after the change), `obstacles` and `notices`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from state.change import Found, diff
from state.facts import Device
from state.kinds import KINDS
from tests.kinds.towns import FEATURES, cluster, facts, shown

FOLDER = Path(__file__).parent
_DEVICE = Device("", 2, 1500, True, ())
BY_NAME = {kind.name: kind for kind in KINDS}


def cases() -> Iterator[Any]:
    """Every case of every kind, with its sentence as name."""
    for path in sorted(FOLDER.glob("*/*.yaml")):
        for case in yaml.safe_load(path.read_text()):
            yield pytest.param(path.parent.name, case, id=f"{path.parent.name}: {case['case']}")


def told(given: Mapping[str, Any]) -> Any:
    """Facts from a case."""
    made = dict(given)
    for name in ("present", "foreign_netns"):
        made[name] = frozenset(made.get(name, ()))
    if "devices" in made:
        made["devices"] = {name: replace(_DEVICE, name=name, **item) for name, item in made["devices"].items()}
    if "features" in made:
        made["features"] = replace(FEATURES, **made["features"])
    return facts(**made)


def edited(found: dict[str, Found[Any]], edits: Mapping[str, Any]) -> dict[str, Found[Any]]:
    """What is observed, with edits."""
    for address, edit in edits.items():
        if edit == "gone":
            del found[address]
        elif edit == "foreign":
            found[address] = replace(found[address], owned=False)
        else:
            found[address] = Found(replace(found[address].value, **edit))
    return found


@pytest.mark.parametrize(("name", "case"), list(cases()))
def test_a_kind_plans_what_it_should(name: str, case: dict[str, Any]) -> None:
    kind, wanted = BY_NAME[name], cluster(**case.get("cluster", {}))
    known = told(case.get("facts", {}))
    desired = kind.desired(wanted, "alpha", known)
    observed = case.get("observed", {})
    found = {address: Found(item.value) for address, item in desired.items()} if observed == "as desired" else {}
    made = diff(kind.name, desired, edited(found, case.get("edits", {})), kind.fixed)
    assert shown(made.changes) == [line.replace(" ", f" {name} ", 1) for line in case.get("plan", [])]
    for address, fields in case.get("after", {}).items():
        value = next(change.after for change in made.changes if change.address == address)
        assert {field: getattr(value, field) for field in fields} == untupled(fields)
    assert [problem.address for problem in made.obstacles] == case.get("obstacles", [])
    notices = kind.notices(wanted, "alpha", known)
    assert [notice.summary for notice in notices] == case.get("notices", [])


def untupled(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Fields with YAML's lists as the tuples that values have."""
    lists: dict[str, list[Any]] = {name: item for name, item in fields.items() if isinstance(item, list)}
    return {**fields, **{name: tuple(item) for name, item in lists.items()}}


def test_every_kind_here_has_cases() -> None:
    from tests.kinds.towns import BPF_FREE

    assert {path.parent.name for path in FOLDER.glob("*/*.yaml")} >= set(BPF_FREE)
