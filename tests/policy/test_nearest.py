"""What is said of a denied flow, as data: cases/nearest.yaml names the sentences, the nearest rules of both ends."""

from __future__ import annotations

from typing import Any

import pytest

from cli.render import page
from cli.render.verdict import Question, lines
from state.policy import parties
from state.policy.answers import ask
from tests.policy.clusters import cluster, documents
from tests.policy.test_cases import cases, pods


@pytest.mark.parametrize("case", cases("nearest.yaml"))
def test_a_denial_names_the_rule_that_came_nearest_and_what_it_lacks(case: dict[str, Any]) -> None:
    state = cluster(pods(case), documents(case["policies"]))
    for probe, expected in case["denials"].items():
        origin, _, target, what = probe.split()
        number, _, protocol = what.rpartition("/")
        question = Question(origin, target, protocol, int(number) if number else None)
        source, destination = parties.find(state, origin), parties.find(state, target)
        answers = ask(state, source, destination, question.protocol, question.port)
        assert not answers[0].verdict.allowed
        told = page.text(lines(question, answers[:1])).splitlines()
        assert [line.strip() for line in told if "would" in line] == expected, probe
