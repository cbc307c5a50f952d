"""Plans as a person, a pull request and a program see them, against golden files.

`NETCTL_GOLDEN=write pytest tests/cli/test_rendering.py` writes the files anew; read the difference before committing.
"""

from __future__ import annotations

import io
import json
import os
from pathlib import Path

import pytest

from cli.render import json as json_render
from cli.render import markdown, page, problems, terminal
from cli.render.words import Words
from state import plan as plans
from state.plan import Plan
from state.problem import NetctlError, Problem, Source
from tests.cli.plans import KINDS, PLANS

GOLDEN = Path(__file__).parent / "golden"
WORDS = Words(KINDS)


def as_text(plan: Plan) -> str:
    """As on a terminal without colours, with the boxes that go to standard error below."""
    every = [*plan.warnings, *(problem for host in plan.hosts for problem in host.problems)]
    return page.text(terminal.lines(plan, WORDS)) + page.text(problems.boxes(every))


def as_markdown(plan: Plan) -> str:
    """As in a pull request."""
    return markdown.text(plan, WORDS)


def as_json(plan: Plan) -> str:
    """As a program reads it."""
    return json_render.text(json_render.document(plan, WORDS))


FORMATS = {"txt": as_text, "md": as_markdown, "json": as_json}


@pytest.mark.parametrize("suffix", FORMATS)
@pytest.mark.parametrize("name", PLANS)
def test_a_plan_reads_as_its_golden_file_says(name: str, suffix: str) -> None:
    path = GOLDEN / f"{name.replace(' ', '-')}.{suffix}"
    text = FORMATS[suffix](PLANS[name])
    if os.environ.get("NETCTL_GOLDEN") == "write":
        path.write_text(text)
    assert text == path.read_text()


@pytest.mark.parametrize("name", PLANS)
def test_a_saved_plan_is_the_plan(name: str) -> None:
    saved = json.loads(json.dumps(plans.dump(PLANS[name])))
    assert plans.load(KINDS, saved) == PLANS[name]


@pytest.mark.parametrize("part", ["before", "after"])
def test_an_edited_plan_is_refused(part: str) -> None:
    saved = json.loads(json.dumps(plans.dump(PLANS["everything"])))
    assert saved["hosts"][0]["changes"][0][part]["value"] != "7"
    saved["hosts"][0]["changes"][0][part] = {"value": "7"}
    with pytest.raises(NetctlError, match="was edited after it was saved"):
        plans.load(KINDS, saved)


@pytest.mark.parametrize("data", [None, [], {}, {"format_version": "2.0"}, {"format_version": "1.0", "hosts": [1]}])
def test_what_is_no_plan_is_refused_in_a_sentence(data: object) -> None:
    with pytest.raises(NetctlError):
        plans.load(KINDS, data)


def test_colours_go_to_a_terminal_that_wants_them_and_nowhere_else(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = terminal.lines(PLANS["everything"], WORDS)
    plain, coloured = io.StringIO(), io.StringIO()
    monkeypatch.delenv("FORCE_COLOR", raising=False)
    monkeypatch.delenv("NO_COLOR", raising=False)
    page.write(lines, plain)
    monkeypatch.setenv("FORCE_COLOR", "1")
    page.write(lines, coloured)
    assert "\x1b[" not in plain.getvalue()
    assert "\x1b[" in coloured.getvalue()


def test_a_problem_shows_the_line_and_the_column() -> None:
    problem = Problem(
        "unknown key adress", "Did you mean address?", "hosts.alpha", Source("netctl.yaml", 14, 5), "    adress: x"
    )
    assert page.text(problems.boxes([problem])) == (
        "╷\n"
        "│ Error: unknown key adress\n"
        "│\n"
        "│   on netctl.yaml line 14, column 5 (hosts.alpha):\n"
        "│   14:     adress: x\n"
        "│           ^\n"
        "│\n"
        "│ Did you mean address?\n"
        "╵\n"
    )
