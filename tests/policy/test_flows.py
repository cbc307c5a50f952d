"""How traffic that changes is told: who stands in a line together, what is not known, what tampered tables let pass."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import pytest

from cli.render import traffic as words
from state.change import Action, Change
from state.cluster import Cluster
from state.policy.connectivity import changed_traffic
from state.policy.tables import Block, Peer
from state.traffic import Traffic
from tests.policy import moves
from tests.policy.clusters import Pod, cluster, documents

HEAD = "apiVersion: cilium.io/v2\nkind: CiliumNetworkPolicy\nmetadata: {name: p, namespace: shop}\nspec: "
DB = "{endpointSelector: {matchLabels: {app: db}}, "
NOBODY = f"{HEAD}{DB}ingress: [{{}}]}}"
FROM_WEB = f"{HEAD}{DB}ingress: [{{fromEndpoints: [{{matchLabels: {{app: web}}}}]}}]}}"
PORT_80 = 'toPorts: [{ports: [{port: "80"}]}]'
WEB_80 = f"{HEAD}{DB}ingress: [{{fromEndpoints: [{{matchLabels: {{app: web}}}}], {PORT_80}}}]}}"
PING = f"{HEAD}{DB}ingress: [{{fromEndpoints: [{{}}], icmps: [{{fields: [{{type: 8}}]}}]}}]}}"
WORLD = f"{HEAD}{DB}ingress: [{{fromCIDRSet: [{{cidr: 0.0.0.0/0, except: [198.51.100.0/24]}}]}}]}}"
WORLD_BUT = f"{HEAD}{DB}ingress: [{{fromCIDRSet: [{{cidr: 0.0.0.0/0, except: [198.51.100.7/32]}}]}}]}}"
OUT = f"{HEAD}{DB}egress: [{{toEntities: [host]}}]}}"
NONE = ""

PODS = (
    *(Pod("shop", f"web-{number}", {"app": "web"}, ("alpha", "beta", "gamma")[number % 3]) for number in range(30)),
    Pod("shop", "job", {"app": "job"}, "gamma"),
    Pod("shop", "db", {"app": "db"}, "beta"),
)


def town(policy: str, pods: Iterable[Pod] = PODS) -> Cluster:
    """Thirty web servers on three hosts, a job and a database."""
    return cluster(list(pods), documents(policy) if policy else [])


def moved(before: Cluster, after: Cluster, *silent: str) -> tuple[Cluster, Traffic]:
    """What a plan says, without these hosts."""
    after = moves.numbered(before, after)
    changes = {host: moves.on_host(before, after, host) for host in after.hosts if host not in silent}
    return after, changed_traffic(after, changes) or Traffic()


def told(traffic: Traffic) -> list[str]:
    """The flows in words."""
    return [f"{'+' if flow.allowed else '-'} {words.between(flow)}: {words.what(flow)}" for flow in traffic.flows]


TOLD: dict[str, tuple[str, str, list[str]]] = {
    "replicas on any number of hosts are one line": (
        NOBODY, FROM_WEB, ["+ app=web namespace=shop (30 endpoints) -> shop/db: everything"],
    ),
    "what stays allowed is not told": (
        FROM_WEB, WEB_80,
        ["- app=web namespace=shop (30 endpoints) -> shop/db: 0-79/ANY, 81-65535/ANY, ICMP, ICMPV6"],
    ),
    "who does the same stands together, whatever it is": (
        NOBODY, NONE,
        ["+ shop/job, app=web namespace=shop (30 endpoints), remote-node, world -> shop/db: everything"],
    ),
    "a family is named by its protocol": (
        NOBODY, PING, ["+ shop/job, app=web namespace=shop (30 endpoints) -> shop/db: ICMP type 8"],
    ),
    "a hole that closes is told without the one that stays": (
        WORLD, WORLD_BUT, ["+ world 198.51.100.0/24 except 198.51.100.7/32 -> shop/db: TCP, UDP, SCTP, ICMP"],
    ),
    "the own host is another than the others": (
        NONE, OUT,
        ["- shop/db -> shop/job, app=web namespace=shop (30 endpoints), remote-node, world: everything"],
    ),
    "another way to say the same is no change": (FROM_WEB, FROM_WEB.replace("{app: web}", "{any:app: web}"), []),
}  # fmt: skip


@pytest.mark.parametrize("name", TOLD)
def test_flows_are_told_in_as_few_lines_as_they_need(name: str) -> None:
    before, after, lines = TOLD[name]
    assert told(moved(town(before), town(after))[1]) == lines


def test_a_plan_that_touches_no_table_has_nothing_to_compare() -> None:
    device = Change("device", "nc-1", Action.DELETE, None, None)
    assert changed_traffic(town(FROM_WEB), {"alpha": (device,), "beta": ()}) is None


def test_the_line_that_decides_now_is_named() -> None:
    _, traffic = moved(town(FROM_WEB), town(NOBODY))
    assert [[str(rule) for rule in flow.rules] for flow in traffic.flows] == [["policy.yaml:4:61"]]


def test_with_a_host_that_was_not_asked_flows_are_told_as_if_it_let_all_pass() -> None:
    _, traffic = moved(town(NOBODY), town(FROM_WEB), "alpha", "gamma")
    assert traffic.not_asked == ("alpha", "gamma")
    sure, doubtful = sorted(traffic.flows, key=lambda flow: not flow.certain)
    assert (len(sure.sources[0].names), len(doubtful.sources[0].names)) == (10, 20)
    assert told(replace(traffic, flows=(doubtful,))) == [
        "+ app=web namespace=shop (20 of 30 endpoints) -> shop/db: everything"
    ]


def test_who_comes_and_who_goes_is_counted_and_not_listed() -> None:
    before = town(FROM_WEB, PODS[1:])
    _, traffic = moved(before, town(FROM_WEB, (PODS[0], *PODS[2:])))
    gone = before.endpoints["shop/web-1"].ipv4
    assert (traffic.arriving, traffic.leaving, traffic.flows) == (("shop/web-0",), (str(gone),), ())


def test_relabelled_endpoints_are_told_by_their_new_labels() -> None:
    job = replace(PODS[30], labels={"app": "web"})
    _, traffic = moved(town(FROM_WEB), town(FROM_WEB, (*PODS[:30], job, PODS[31])))
    assert told(traffic) == ["+ shop/job -> shop/db: everything"]


def test_of_a_first_apply_nothing_was_enforced_before() -> None:
    state = town(FROM_WEB)
    changes = {
        host: tuple(
            Change(kind.name, address, Action.CREATE, None, item.value)
            for kind in moves.KINDS
            for address, item in kind.desired(state, host, moves.FACTS).items()
        )
        for host in state.hosts
    }
    traffic = changed_traffic(state, changes)
    assert traffic is not None
    assert (len(traffic.arriving), traffic.leaving, traffic.flows) == (32, (), ())


def tampered(state: Cluster, kind: str, address: str, before: Any, after: Any) -> Traffic:
    """What a plan says to beta's tables, one entry of which somebody has changed."""
    change = Change(kind, address, Action.UPDATE if before else Action.CREATE, before, after)
    return changed_traffic(state, {"alpha": (), "beta": (change,), "gamma": ()}) or Traffic()


def test_an_entry_that_somebody_took_its_policies_from_let_everybody_pass() -> None:
    state = town(FROM_WEB)
    db = state.endpoints["shop/db"]
    peer = Peer(db.identity, 0, db.id)
    traffic = tampered(state, "peer", str(db.ipv4), replace(peer, drift="ingress 0, egress 0"), peer)
    assert told(traffic) == [
        "- shop/job, remote-node -> shop/db: TCP, UDP, SCTP, ICMP over IPv4",
        "- world 0.0.0.0/0 -> shop/db: TCP, UDP, SCTP, ICMP",
    ]


def test_to_a_host_that_did_not_know_an_address_nobody_had_it() -> None:
    state = town(FROM_WEB)
    job = state.endpoints["shop/job"]
    traffic = tampered(state, "peer", str(job.ipv6), None, Peer(job.identity, 3, 0))
    webs = "app=web namespace=shop (10 of 30 endpoints)"
    assert told(traffic) == [
        f"+ shop/db, {webs} -> shop/job: TCP, UDP, SCTP, ICMPV6 over IPv6",
        f"+ shop/job -> {webs}: TCP, UDP, SCTP, ICMPV6 over IPv6",
    ]


def test_an_entry_with_the_policies_of_who_knows_whom_is_told_with_a_doubt() -> None:
    state = town(FROM_WEB)
    db = state.endpoints["shop/db"]
    peer = Peer(db.identity, 0, db.id)
    traffic = tampered(state, "peer", str(db.ipv4), replace(peer, drift="ingress 7, egress 0"), peer)
    assert {flow.certain for flow in traffic.flows} == {False}


NOW_CLOSED = ["- world 198.51.100.0/24 -> shop/db: TCP, UDP, SCTP, ICMP"]
WEBS = "app=web namespace=shop (10 of 30 endpoints)"
BLOCKS: dict[str, tuple[Block | None, list[str]]] = {
    "its number was the world's": (Block(False, "9"), NOW_CLOSED),
    "it was not there": (None, NOW_CLOSED),
    "it was among the endpoints, where nobody had its addresses": (
        Block(True),
        [
            f"+ shop/db, {WEBS} -> world 198.51.100.0/24: TCP, UDP, SCTP, ICMP",
            f"+ world 198.51.100.0/24 -> {WEBS}: TCP, UDP, SCTP, ICMP",
        ],
    ),
}


@pytest.mark.parametrize("name", BLOCKS)
def test_a_tampered_block_is_judged_as_the_datapath_does(name: str) -> None:
    before, lines = BLOCKS[name]
    assert told(tampered(town(WORLD), "block", "198.51.100.0/24", before, Block(False))) == lines
