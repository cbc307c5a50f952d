"""What `policy explain` says of an endpoint's rules, as data; and that what never matters can go."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from cli.render import page
from cli.render.resolved import lines
from state.policy.engine import Engine, engine_of
from state.policy.fates import Fate
from state.policy.flow import NO_NAMES, contains
from state.policy.groups import OWN_HOST, Group, groups
from state.policy.portset import EVERY_PORT, PortSet
from state.policy.reach import together
from state.policy.resolved import Direction, resolve
from state.policy.rules import Rule
from state.policy.verdicts import Outcome
from tests.policy import generate
from tests.policy.clusters import Pod, cluster, documents
from tests.policy.hosts import document
from tests.policy.test_cases import cases, pods


@pytest.mark.parametrize("case", cases("explained.yaml"))
def test_an_endpoints_rules_are_told_with_what_becomes_of_them(case: dict[str, Any]) -> None:
    state = cluster(pods(case), documents(case["policies"]))
    text = page.text(lines(resolve(state, state.endpoints["shop/db"])))
    parts = {part.split()[0]: [line.split() for line in part.splitlines()[1:]] for part in text.split("\n\n")}
    for direction in case.keys() & {"ingress", "egress"}:
        assert [" ".join(words) for words in parts[direction]] == case[direction]
    assert [" ".join(words) for words in parts.get("policies", [])] == [
        " ".join(one.split()) for one in case.get("unused", [])
    ]


def passing(engine: Engine, rules: Iterable[Rule], isolated: bool, peer: Group, subject: Group) -> list[PortSet]:
    """What some rules about a subject let through, in each family, by the rules alone."""
    found: list[PortSet] = []
    for version in sorted(peer.addresses.keys() & subject.addresses.keys()):
        far = peer.far(version)
        about = [
            rule
            for rule in rules
            if engine.means_identity(rule.peers, far.identity)
            or any(contains(block, far) for block in rule.peers.blocks)
        ]
        ingress = any(rule.direction == "ingress" for rule in about)
        destination = subject if ingress else peer
        named = engine.named(destination.identity) if destination.kind == "endpoints" else NO_NAMES
        allowed = together(about, Outcome.ALLOW, named) if isolated else EVERY_PORT
        passes = allowed - together(about, Outcome.DENY, named)
        found.append(passes.only({"TCP", "UDP", "SCTP", "ICMP" if version == 4 else "ICMPV6"}))
    return found


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(generate.pods(), generate.documents())
def test_without_the_rules_that_never_matter_all_is_as_it_was_and_without_any_other_it_is_not(
    pods: list[Pod], bodies: list[dict[str, Any]]
) -> None:
    state = cluster(pods, [document(body, number) for number, body in enumerate(bodies, 1)])
    engine = engine_of(state)
    everybody = groups(engine)
    for key, endpoint in state.endpoints.items():
        subject = next(group for group in everybody if key in group.members)

        def seen(direction: Direction, rules: list[Rule], subject: Group = subject) -> list[list[PortSet]]:
            return [
                passing(engine, rules, bool(direction.isolating), peer, subject)
                for peer in everybody
                if (peer != subject or len(peer.members) > 1)
                and not (peer.name == OWN_HOST and direction.name == "ingress")
            ]

        for direction in resolve(state, endpoint).directions:
            entries = direction.entries
            before = seen(direction, [entry.rule for entry in entries])
            needed = [entry for entry in entries if entry.fate is Fate.MATTERS]
            assert seen(direction, [entry.rule for entry in needed]) == before
            for one in needed:  # a deny is needed as long as what it denies is there
                outcome = one.rule.outcome
                rest = [entry.rule for entry in entries if entry.rule.outcome is not outcome]
                rest += [entry.rule for entry in needed if entry.rule.outcome is outcome and entry is not one]
                assert seen(direction, rest) != before
