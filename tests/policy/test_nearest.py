"""What is said of a denied flow, as data: cases/nearest.yaml names the sentences, the nearest rules of both ends."""

from __future__ import annotations

from typing import Any

import pytest

from cli.render import page
from cli.render.verdict import Audited, Question, lines
from state.policy import parties
from state.policy.answers import ask
from tests.policy.clusters import Pod, cluster, documents
from tests.policy.test_cases import cases, pods

NOBODY: Audited = frozenset()


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
        told = page.text(lines(question, answers[:1], NOBODY)).splitlines()
        assert [line.strip() for line in told if "would" in line] == expected, probe


BY_ADDRESS = """
kind: CiliumNetworkPolicy
metadata: {name: db, namespace: shop}
spec:
  endpointSelector: {matchLabels: {app: db}}
  ingress: [{fromEndpoints: [{}], icmps: [{fields: [{type: EchoRequest}]}]}]
"""


def test_where_the_families_differ_each_has_its_answer() -> None:
    pods = [Pod("shop", "web", {"app": "web"}), Pod("shop", "db", {"app": "db"}, "beta")]
    state = cluster(pods, documents(BY_ADDRESS))
    ends = parties.find(state, "shop/web"), parties.find(state, "shop/db")
    told = page.text(
        lines(Question("shop/web", "shop/db", "ICMP", None), ask(state, *ends, "ICMP"), NOBODY)
    ).splitlines()
    assert told == [
        "allow  shop/web -> shop/db  ICMP  over IPv4",
        "  egress   shop/web  no policy isolates shop/web for egress",
        "  ingress  shop/db   allowed by policy.yaml:6",
        "deny  shop/web -> shop/db  ICMP  over IPv6",
        "  egress   shop/web  no policy isolates shop/web for egress",
        "  ingress  shop/db   no rule matched; shop/db is isolated for ingress by policy.yaml:6",
        "           policy.yaml:6 would allow it, but for ICMP type 8: this is ICMPV6",
    ]


@pytest.mark.parametrize(
    ("origin", "target", "told"),
    [
        (
            "10.42.9.9",
            "shop/db",
            "deny  10.42.9.9 -> shop/db  80/TCP  10.42.9.9 lies in ranges.endpoints, and no endpoint has it",
        ),
        ("alpha", "beta", "allow  alpha -> beta  80/TCP  no policy applies: neither end is an endpoint"),
        ("shop/db", "shop/db", "allow  shop/db -> shop/db  80/TCP  an endpoint always reaches itself"),
    ],
)
def test_where_no_policy_is_asked_the_reason_stands_alone(origin: str, target: str, told: str) -> None:
    state = cluster([Pod("shop", "db", {"app": "db"}, "beta")], documents(BY_ADDRESS))
    ends = parties.find(state, origin), parties.find(state, target)
    assert page.text(lines(Question(origin, target, "TCP", 80), ask(state, *ends, "TCP", 80), NOBODY)) == f"{told}\n"
