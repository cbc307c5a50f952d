"""A fleet on its way from one policy to another: nothing passes that either denies, nothing is lost that both allow."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from hypothesis import HealthCheck, given, settings

from state.policy.compiler import compile_policies
from state.policy.decode import decode
from state.policy.encode import encode
from state.policy.rules import NOT_ISOLATED
from state.policy.transition import OPEN, tighten
from state.policy.verdicts import Entry, Outcome, Policy
from tests.policy import generate
from tests.policy.clusters import Pod, cluster
from tests.policy.hosts import document, logical, tightened
from tests.policy.lookup import look_up


def entry(peer: str, first: int, last: int, outcome: Outcome, rule: int) -> Entry:
    """An entry for TCP."""
    return Entry(peer, "TCP", first, last, outcome, rule)


ALLOW, DENY = Outcome.ALLOW, Outcome.DENY


def test_only_what_both_allow_is_allowed() -> None:
    old = Policy(False, (entry("any", 80, 90, ALLOW, 1),))
    new = Policy(False, (entry("any", 85, 100, ALLOW, 2),))
    assert tighten(old, new) == Policy(False, (entry("any", 85, 90, ALLOW, 2),))


def test_a_denial_of_either_stays() -> None:
    old = Policy(False, (entry("7", 80, 80, DENY, 3), entry("any", 1, 100, ALLOW, 1)))
    new = Policy(False, (entry("any", 1, 100, ALLOW, 2),))
    assert tighten(old, new) == Policy(False, (entry("7", 80, 80, DENY, 3), entry("any", 1, 100, ALLOW, 2)))


def test_one_allow_for_another_is_no_gap() -> None:
    old = Policy(False, (entry("7", 80, 80, ALLOW, 1),))
    new = Policy(False, (entry("any", 80, 80, ALLOW, 2),))
    assert tighten(old, new) == Policy(False, (entry("7", 80, 80, ALLOW, 2),))


def test_who_was_not_isolated_is_judged_by_the_other() -> None:
    new = Policy(False, (entry("any", 80, 80, ALLOW, 2),))
    assert tighten(None, new) == new
    back = tighten(new, None)
    assert back == Policy(False, (entry("any", 80, 80, ALLOW, NOT_ISOLATED),))
    assert tighten(None, None) is None
    assert tighten(OPEN, OPEN) == OPEN


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(generate.pods(), generate.documents(), generate.documents())
def test_between_two_policies_the_tables_allow_what_both_allow(
    pods: list[Pod], first: list[dict[str, Any]], second: list[dict[str, Any]]
) -> None:
    states = [cluster(pods, [document(body, number) for number, body in enumerate(part)]) for part in (first, second)]
    for host in states[0].hosts:
        tables = [encode(logical(state, host)) for state in states]
        middle = logical(states[1], host, tightened(states[0], states[1], host))
        between = encode(middle)
        assert decode(between) == middle
        moved = any(row.by_block for part in tables for row in part.policies)
        for endpoint in states[0].endpoints_on(host):
            subjects = [str(address) for address in (endpoint.ipv4, endpoint.ipv6) if address is not None]
            for subject in subjects:
                for peer in (*between.peers, *generate.WORLD):
                    if peer == subject or (":" in peer) != (":" in subject):
                        continue
                    for direction in ("ingress", "egress"):
                        for protocol, port in generate.PROBES[::3]:
                            asked = (direction, subject, peer, protocol, port)
                            old, new = (look_up(part, *asked).allowed for part in tables)
                            now = look_up(between, *asked).allowed
                            assert not now or (old and new), asked
                            assert now or moved or not (old and new), asked


def test_an_identity_only_one_policy_knows_is_judged_by_that_one() -> None:
    text: dict[str, Any] = {
        "apiVersion": "cilium.io/v2",
        "kind": "CiliumNetworkPolicy",
        "metadata": {"name": "db", "namespace": "shop"},
        "spec": {
            "endpointSelector": {"matchLabels": {"app": "db"}},
            "ingress": [{"fromEndpoints": [{"matchLabels": {"app": "web"}}]}],
        },
    }
    db = Pod("shop", "db", {"app": "db"})
    before = cluster([db, Pod("shop", "x", {"app": "web", "v": "1"})], [document(text, 1)])
    after_pods = [db, Pod("shop", "x", {"app": "web", "v": "2"})]
    after = cluster(after_pods, [document(text, 1)])
    renumbered = {
        number + 100 if "k8s:v=2" in labels else number: labels for number, labels in after.identities.items()
    }
    endpoints = {
        key: replace(endpoint, identity=endpoint.identity + 100 * (endpoint.name == "x"))
        for key, endpoint in after.endpoints.items()
    }
    after = replace(after, identities=renumbered, endpoints=endpoints)
    policy = tightened(before, after, "alpha").policies["ingress", before.endpoints["shop/db"].identity]
    peers = {item.peer for item in policy.entries}
    assert {str(before.endpoints["shop/x"].identity), str(after.endpoints["shop/x"].identity)} <= peers


def test_tightening_a_policy_with_itself_changes_nothing() -> None:
    pods = [Pod("shop", "web", {"app": "web"}), Pod("shop", "db", {"app": "db"})]
    text: dict[str, Any] = {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": "np", "namespace": "shop"},
        "spec": {
            "podSelector": {},
            "ingress": [{"from": [{"ipBlock": {"cidr": "10.0.0.0/8", "except": ["10.42.0.0/16"]}}]}],
        },
    }
    state = cluster(pods, [document(text, 1)])
    for policy in compile_policies(state, "alpha").policies.values():
        assert tighten(policy, policy) == policy
