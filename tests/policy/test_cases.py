"""The traps of the policy languages as data: every file in cases/ is a list of cases, each with documents and verdicts.

A probe reads `FROM -> TO PORT/PROTOCOL allow|deny`, ICMP without a port or with its type. The naive evaluator and the
tables of both ends are asked too.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Optional

import pytest
import yaml

from state.cluster import Cluster
from state.policy import parties
from state.policy.documents import check, read
from state.policy.engine import Engine
from state.policy.parties import Party
from state.problem import errors
from tests.policy import naive
from tests.policy.clusters import Pod, cluster, documents, manifest
from tests.policy.hosts import tables
from tests.policy.test_differential import compiled_verdict, plain

FOLDER = Path(__file__).parent / "cases"


def cases(pattern: str) -> list[Any]:
    """The cases of the files that match, as pytest parameters."""
    files = sorted(FOLDER.glob(pattern))
    return [
        pytest.param(case, id=f"{file.stem}: {case['name']}")
        for file in files
        for case in yaml.safe_load(file.read_text())
    ]


def pods(case: dict[str, Any]) -> list[Pod]:
    """The endpoints of a case."""
    spaces: dict[str, dict[str, str]] = case.get("namespaces", {})
    found: list[Pod] = []
    for key, entry in case.get("endpoints", {}).items():
        namespace, name = key.split("/")
        given: dict[str, Any] = entry or {}
        labels, host = given.get("labels", {}), given.get("host", "alpha")
        found.append(
            Pod(
                namespace,
                name,
                labels,
                host,
                given.get("address", ""),
                given.get("ports", {}),
                spaces.get(namespace, {}),
            )
        )
    return found


def first_packet(
    state: Cluster, source: Party, destination: Party, protocol: str, number: str
) -> Optional[naive.Packet]:
    """The packet that a probe means, in the first family both ends have; None where the ends have no addresses."""
    versions = parties.families(source, destination)
    if not versions:
        return None
    ends = [plain(state, end.by(versions[0])) for end in (source, destination)]
    if protocol == "ICMP":
        protocol, number = ("ICMP", number or "8") if versions[0] == 4 else ("ICMPV6", number or "128")
    return naive.Packet(ends[0], ends[1], protocol, int(number))


@pytest.mark.parametrize("case", cases("verdicts-*.yaml"))
def test_verdicts(case: dict[str, Any]) -> None:
    policies = documents(case["policies"])
    state = cluster(pods(case), policies)
    assert errors(check(manifest(pods(case), policies))) == []
    engine, hosts = Engine(state), tables(state)
    for probe in case["probes"]:
        origin, _, target, what, expected = probe.split()
        number, _, protocol = what.rpartition("/")
        source, destination = parties.find(state, origin), parties.find(state, target)
        verdict = engine.decide(source, destination, protocol, int(number) if number else None)
        assert verdict.word == expected, f"{probe}: {verdict.reason}"
        if (packet := first_packet(state, source, destination, protocol, number)) is not None:
            bodies = [policy.body for policy in policies]
            assert naive.allowed(bodies, packet, state.name) == verdict.allowed, (
                f"{probe}: the naive one says otherwise"
            )
        if number and protocol != "ICMP" and not source.nobody and not destination.nobody and source != destination:
            seen = compiled_verdict(hosts, source, destination, protocol, int(number))
            assert seen == verdict.allowed, f"{probe}: the tables say otherwise"
    reasons: dict[str, str] = case.get("reasons") or {}
    for probe, reason in reasons.items():
        origin, _, target, what = probe.split()
        number, _, protocol = what.rpartition("/")
        ends = parties.find(state, origin), parties.find(state, target)
        assert engine.decide(*ends, protocol, int(number) if number else None).reason == reason


@pytest.mark.parametrize("case", cases("hosts-*.yaml"))
def test_verdicts_about_hosts(case: dict[str, Any]) -> None:
    """Host policies are judged, and refused: the tables cannot say them yet."""
    policies = documents(case["policies"])
    rules, problems = read(policies)
    assert {problem.summary.split(".")[-1] for problem in errors(problems)} == {"nodeSelector yet"}
    state = cluster(pods(case), policies, hosts_labels=case["hosts"])
    engine, bodies = Engine(state, rules), [policy.body for policy in policies]
    for probe in case["probes"]:
        origin, _, target, what, expected = probe.split()
        number, _, protocol = what.rpartition("/")
        source, destination = parties.find(state, origin), parties.find(state, target)
        verdict = engine.decide(source, destination, protocol, int(number) if number else None)
        assert verdict.word == expected, f"{probe}: {verdict.reason}"
        packet = first_packet(state, source, destination, protocol, number)
        assert packet is not None
        assert naive.allowed(bodies, packet, state.name) == verdict.allowed, f"{probe}: the naive one says otherwise"


@pytest.mark.parametrize("case", cases("problems-*.yaml"))
def test_problems(case: dict[str, Any]) -> None:
    policies = documents(case["policies"])
    found = [
        f"{problem.source}: {problem.severity}: {problem.summary}" for problem in check(manifest(pods(case), policies))
    ]
    assert found == case["problems"]
