"""Rules have numbers that only their meaning changes, and policies stay small however many identities there are."""

from __future__ import annotations

from dataclasses import replace

from state.policy.compiler import compile_policies, rule_sources
from state.policy.documents import collisions, read
from state.policy.encode import encode
from state.policy.labels import identity_labels
from state.policy.verdicts import Outcome
from tests.policy.clusters import Pod, cluster, documents
from tests.policy.hosts import logical

TEXT = """
kind: CiliumNetworkPolicy
metadata: {name: db, namespace: shop}
spec:
  endpointSelector: {matchLabels: {app: db}}
  ingress:
    - toPorts: [{ports: [{port: "1", endPort: 65535, protocol: TCP}]}]
      fromEndpoints: [{}]
  ingressDeny:
    - fromEndpoints: [{}]
      toPorts: [{ports: [{port: "5000", protocol: TCP}]}]
"""
PODS = [Pod("shop", "db", {"app": "db"}), Pod("shop", "web", {"app": "web"})]


def test_comments_and_the_order_of_keys_change_no_number() -> None:
    moved = "# a comment\n\n" + TEXT.replace("{name: db, namespace: shop}", "{namespace: shop, name: db}")
    numbers = [[rule.id for rule in read(documents(text))[0].rules] for text in (TEXT, moved)]
    assert numbers[0] == numbers[1]
    assert len(set(numbers[0])) == 2


def test_a_number_leads_to_the_line() -> None:
    places = rule_sources(cluster(PODS, documents(TEXT, "policies/db.yaml")))
    assert sorted(str(place) for place in places.values()) == ["policies/db.yaml:10:7", "policies/db.yaml:7:7"]


def test_the_same_entry_of_another_policy_has_another_number() -> None:
    other = TEXT.replace("name: db,", "name: other,")
    both = read(documents(TEXT) + documents(other))[0].rules
    assert len({rule.id for rule in both}) == 4
    assert list(collisions(both)) == []


def test_two_rules_with_one_number_are_an_error_that_names_both() -> None:
    first, second = read(documents(TEXT))[0].rules
    (problem,) = collisions([first, replace(second, id=first.id)])
    assert problem.severity == "error"
    assert problem.summary == f"two rules have the number {first.id}: here and at policy.yaml:7:7"


def test_a_range_from_two_thousand_identities_with_a_denial_inside_stays_in_the_thousands() -> None:
    few = cluster(PODS, documents(TEXT))
    spare = {90000 + number: identity_labels({"n": str(number)}, "shop", {}, "shop") for number in range(2000)}
    many = replace(few, identities={**few.identities, **spare})
    tables = encode(logical(many, "alpha"))
    assert 4000 < len(tables.verdicts) < 10000
    assert len(tables.policies) == 2


def test_what_everyone_is_told_is_said_once() -> None:
    text = TEXT.replace("fromEndpoints: [{}]", "fromEntities: [all]")
    few = cluster(PODS, documents(text))
    policy = compile_policies(few, "alpha").policies["ingress", few.endpoints["shop/db"].identity]
    ranges = [(entry.first, entry.last, entry.outcome) for entry in policy.entries if entry.peer == "any"]
    assert ranges == [(1, 4999, Outcome.ALLOW), (5000, 5000, Outcome.DENY), (5001, 65535, Outcome.ALLOW)]
    assert {entry.peer for entry in policy.entries} == {"any", "1"}
