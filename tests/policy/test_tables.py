"""Tables from meaning to numbers and back: nothing is lost, and nothing somebody changed stays unseen."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from state import wire
from state.policy.decode import decode
from state.policy.encode import encode
from state.policy.rules import LAST, PROTOCOLS
from state.policy.segments import order
from state.policy.tables import Block, Encoded, Logical, Peer, Tunnel
from state.policy.verdicts import Entry, Outcome, Policy
from tests.policy import generate
from tests.policy.clusters import Pod, cluster
from tests.policy.hosts import document, logical

FIRST, SECOND = 65792, 65793
PEERS = ("any", "1", "6", str(FIRST), str(SECOND), "0.0.0.0/0", "10.0.0.0/8", "2001:db8::/32")
BLOCKS = {"0.0.0.0/0": Block(False), "::/0": Block(False), "10.0.0.0/8": Block(False), "2001:db8::/32": Block(True)}
ADDRESSES = {
    "10.42.1.10": Peer(FIRST, 0, 1),
    "fd42::a": Peer(FIRST, 0, 1),
    "10.42.1.11": Peer(SECOND, 0, 2),
    "10.42.2.10": Peer(SECOND, 2, 0),
    "10.42.1.1": Peer(1, 0, 0),
}
TUNNELS = {"2": Tunnel("203.0.113.12"), "3": Tunnel("2001:db8::13")}


@st.composite
def policies(draw: st.DrawFn) -> Policy:
    """A policy as compilation makes them: sorted, without overlap, touching equal ranges joined."""
    entries: list[Entry] = []
    for peer in draw(st.lists(st.sampled_from(PEERS), unique=True, max_size=4)):
        for protocol in draw(st.lists(st.sampled_from(PROTOCOLS), unique=True, max_size=3)):
            ports = st.one_of(st.integers(0, LAST[protocol]), st.sampled_from((0, 255, LAST[protocol])))
            edges = sorted(draw(st.sets(ports, min_size=1, max_size=5)) | {LAST[protocol] + 1})
            for first, following in zip(edges, edges[1:]):
                said = draw(st.sampled_from((None, *((o, r) for o in Outcome for r in (7, 8)))))
                before = (
                    entries[-1] if entries and (entries[-1].peer, entries[-1].protocol) == (peer, protocol) else None
                )
                if said is None:
                    continue
                if before and before.last + 1 == first and (before.outcome, before.rule) == said:
                    entries[-1] = replace(before, last=following - 1)
                else:
                    entries.append(Entry(peer, protocol, first, following - 1, *said))
    return Policy(draw(st.booleans()), tuple(sorted(entries, key=order)))


@st.composite
def states(draw: st.DrawFn) -> Logical:
    """What a host's tables may have to hold."""
    names = ("ingress/65792", "egress/65792", "ingress/65793", "egress/65793")
    chosen = draw(st.lists(st.sampled_from(names), unique=True))
    return Logical(ADDRESSES, TUNNELS, BLOCKS, {name: draw(policies()) for name in chosen})


@settings(deadline=None)
@given(states())
def test_what_is_encoded_decodes_to_the_same(state: Logical) -> None:
    assert decode(encode(state)) == state


@settings(deadline=None, max_examples=40)
@given(generate.pods(), generate.documents())
def test_what_is_compiled_decodes_to_the_same(pods: list[Pod], bodies: list[dict[str, Any]]) -> None:
    made = cluster(pods, [document(body, number) for number, body in enumerate(bodies, 1)])
    for host in made.hosts:
        state = logical(made, host)
        assert decode(encode(state)) == state


@settings(deadline=None)
@given(states(), st.data())
def test_an_edited_added_or_lost_verdict_is_seen(state: Logical, data: st.DataObject) -> None:
    tables = encode(state)
    verdicts = dict(tables.verdicts)
    numbers = range(len(tables.policies) + 2)
    key = (
        data.draw(st.sampled_from((0, FIRST, 4711))),
        data.draw(st.sampled_from(numbers)),
        data.draw(st.integers(0, 3)),
    )
    if data.draw(st.booleans()) and verdicts:
        del verdicts[data.draw(st.sampled_from(sorted(verdicts)))]
    else:
        verdicts[key] = (verdicts.get(key, (0, 0))[0] + 1, data.draw(st.integers(0, 3)))
    assert decode(replace(tables, verdicts=verdicts)) != state


def one() -> Encoded:
    """Tables with one policy, for the ingress of the first identity."""
    policy = Policy(False, (Entry("any", "TCP", 80, 80, Outcome.ALLOW, 17),))
    return encode(Logical(ADDRESSES, TUNNELS, BLOCKS, {"ingress/65792": policy}))


def test_a_policy_taken_off_one_address_is_drift_of_that_address() -> None:
    tables = one()
    peers = {**tables.peers, "fd42::a": replace(tables.peers["fd42::a"], ingress=0)}
    found = decode(replace(tables, peers=peers))
    assert found.peers["fd42::a"].drift == "ingress 0, egress 0"
    assert found.policies == decode(tables).policies


def test_a_policy_taken_off_every_address_is_gone_and_its_rows_are_orphans() -> None:
    tables = one()
    peers = {address: replace(row, ingress=0) for address, row in tables.peers.items()}
    assert list(decode(replace(tables, peers=peers)).policies) == ["orphan/1"]


def test_a_policy_number_on_a_remote_address_is_drift() -> None:
    tables = one()
    peers = {**tables.peers, "10.42.2.10": replace(tables.peers["10.42.2.10"], egress=1)}
    assert decode(replace(tables, peers=peers)).peers["10.42.2.10"].drift == "ingress 0, egress 1"


def test_a_block_with_another_number_is_drift() -> None:
    tables = one()
    blocks = {**tables.blocks, "10.0.0.0/8": replace(tables.blocks["10.0.0.0/8"], identity=9)}
    assert decode(replace(tables, blocks=blocks)).blocks["10.0.0.0/8"].drift == "9"


def test_an_edited_page_shows_as_other_ports() -> None:
    tables = one()
    page = list(tables.pages[1])
    page[81] = 1
    found = decode(replace(tables, pages=(tables.pages[0], tuple(page))))
    assert found.policies["ingress/65792"].entries == (Entry("any", "TCP", 80, 81, Outcome.ALLOW, 17),)


def test_equal_policies_are_stored_once() -> None:
    policy = Policy(False, (Entry("any", "TCP", 80, 80, Outcome.ALLOW, 17),))
    names = ("ingress/65792", "egress/65792", "ingress/65793")
    tables = encode(Logical(ADDRESSES, TUNNELS, BLOCKS, dict.fromkeys(names, policy)))
    assert len(tables.policies) == 2
    assert len(tables.verdicts) == 1


def test_another_block_leaves_the_numbers_of_the_others_alone() -> None:
    fewer = encode(Logical({}, {}, {key: BLOCKS[key] for key in ("::/0", "10.0.0.0/8")}, {})).blocks
    more = encode(Logical({}, {}, BLOCKS, {})).blocks
    assert fewer.items() <= more.items()
    assert (more["0.0.0.0/0"].identity, more["::/0"].identity) == (9, 10)


def test_the_values_cross_the_wire() -> None:
    state = logical(cluster([Pod("shop", "web", {"app": "web"})], []), "alpha")
    assert wire.load(Logical, wire.dump(state)) == state
