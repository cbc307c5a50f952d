"""The nftables table as a value, and back."""

from __future__ import annotations

from typing import Any

import pytest

from state.change import Action, Change
from state.facts import Scope
from state.kinds.masquerade import Masquerade, Masquerades, Translation
from tests.fake_kernel import FakeKernel
from tests.kinds.towns import cluster, facts

ADDRESS = "inet netctl"


def test_both_families_of_a_slice_are_translated_apart_from_ranges_and_hosts() -> None:
    (wanted,) = Masquerades().desired(cluster(), "alpha", facts()).values()
    assert wanted.value == Masquerade(
        (
            Translation("10.42.1.0/24", ("10.42.0.0/16", "203.0.113.11/32", "203.0.113.12/32"), ("icmp", "tcp", "udp")),
            Translation(
                "fd42:0:0:1::/64", ("2001:db8::b/128", "2001:db8::c/128", "fd42::/48"), ("ipv6-icmp", "tcp", "udp")
            ),
        )
    )


def put(kernel: FakeKernel) -> list[dict[str, Any]]:
    """The table as it is put; the rules' expressions can be edited."""
    (wanted,) = Masquerades().desired(cluster(), "alpha", facts()).values()
    Masquerades().apply(kernel, [Change("masquerade", ADDRESS, Action.CREATE, None, wanted.value)])
    assert kernel.table is not None
    rules: list[Any] = [item["rule"] for item in kernel.table if "rule" in item]
    return rules


def seen(kernel: FakeKernel) -> Masquerade:
    """What is observed."""
    return Masquerades().observe(kernel, Scope((), ()))[ADDRESS].value


def test_what_is_put_is_understood() -> None:
    kernel = FakeKernel()
    put(kernel)
    assert seen(kernel).strange == ()
    assert len(seen(kernel).translations) == 2


EDITS = {
    "other devices": (0, {"match": {"op": "!=", "left": {"meta": {"key": "oifname"}}, "right": "eth0"}}),
    "the other way round": (0, {"match": {"op": "==", "left": {"meta": {"key": "oifname"}}, "right": "nc-*"}}),
    "the other address": (
        2,
        {"match": {"op": "==", "left": {"payload": {"protocol": "ip", "field": "daddr"}}, "right": "10.42.1.0"}},
    ),
    "another verdict": (4, {"accept": None}),
}


@pytest.mark.parametrize(("place", "expression"), EDITS.values(), ids=EDITS.keys())
def test_an_edited_rule_is_strange(place: int, expression: Any) -> None:
    kernel = FakeKernel()
    put(kernel)[0]["expr"][place] = expression
    assert len(seen(kernel).strange) == 1
    assert len(seen(kernel).translations) == 1


def test_ranges_and_prefixes_of_the_same_addresses_are_the_same() -> None:
    kernel = FakeKernel()
    rules = put(kernel)
    before = seen(kernel)
    right = rules[0]["expr"][3]["match"]["right"]
    right["set"] = [{"range": ["203.0.113.11", "203.0.113.12"]}, {"prefix": {"addr": "10.42.0.0", "len": 16}}]
    assert seen(kernel) == before


def test_a_table_without_the_mark_is_somebody_elses() -> None:
    kernel = FakeKernel()
    kernel.table = [{"table": {"family": "inet", "name": "netctl"}}]
    assert not Masquerades().observe(kernel, Scope((), ()))[ADDRESS].owned
