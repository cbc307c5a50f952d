"""What a policy says: identity, port class, block; deny beats allow; protocols do not leak into each other."""

from __future__ import annotations

import pytest

from tests.bpf.datapath import Datapath
from tests.bpf.packets import ICMP, ICMPV6, SCTP, SYN, TCP, UDP, tcp, udp
from tests.bpf.rows import Row, Step, ask, cases, check, db, dgram, other, web
from tests.bpf.world import DB, FAR, HOST, PARTNER, REMOTE, WEB, WORLD4, WORLD6, Family, Rules

WORLD = ((WORLD4, TCP, 80, 80, True, 31), (WORLD6, TCP, 80, 80, True, 31))
INSIDE = 1 << 24 | 9


def to_db(port: int, then: str, why: str, rule: int | None = None, policy: str = "") -> Step:
    """web opens a TCP connection to db."""
    return Step("web", lambda f: web(f, "db", tcp(1000, port, SYN)), then, why, rule=rule, policy=policy)


ROWS = (
    Row("who is not isolated is not asked about", (to_db(1, "db", "passed new"), to_db(65535, "db", "passed new"))),
    Row("who is isolated denies by default, and no rule is named", (
        to_db(80, "drop", "denied by default", 0, "db_ingress"),
    ), rules=Rules(db_ingress=())),
    Row("the source's own policy is asked first", (
        to_db(80, "drop", "denied by default", 0, "web_egress"),
    ), rules=Rules(web_egress=(), db_ingress=())),
    Row("both ends enforce", (
        to_db(80, "db", "passed new", 2),
        to_db(81, "drop", "denied by default", 0, "db_ingress"),
        to_db(82, "drop", "denied by default", 0, "web_egress"),
    ), rules=Rules(web_egress=((DB, TCP, 80, 81, True, 1),), db_ingress=((WEB, TCP, 80, 80, True, 2),
                                                                        (WEB, TCP, 82, 82, True, 3)))),
    Row("an identity's entry", (
        to_db(80, "db", "passed new", 7),
        Step("overlay", lambda f: other(f, "far", "db"), "drop", "denied by default", policy="db_ingress"),
    ), rules=Rules(db_ingress=((WEB, TCP, 80, 80, True, 7),))),
    Row("the entry of any", (
        to_db(80, "db", "passed new", 7),
        Step("overlay", lambda f: other(f, "far", "db"), "db", "passed new", rule=7),
        Step("uplink", lambda f: other(f, "world", "db"), "db", "passed new", rule=7),
    ), rules=Rules(db_ingress=((0, TCP, 80, 80, True, 7),))),
    Row("deny beats allow", (
        to_db(80, "drop", "denied by rule", 9, "db_ingress"),
        to_db(81, "db", "passed new", 7),
        Step("overlay", lambda f: other(f, "far", "db"), "db", "passed new", rule=7),
    ), rules=Rules(db_ingress=((0, TCP, 1, 65535, True, 7), (WEB, TCP, 80, 80, False, 9)))),
    Row("the ends of a range are in it", (
        to_db(99, "drop", "denied by default"),
        to_db(100, "db", "passed new"),
        to_db(767, "db", "passed new"),
        to_db(768, "db", "passed new"),
        to_db(900, "db", "passed new"),
        to_db(901, "drop", "denied by default"),
    ), rules=Rules(db_ingress=((WEB, TCP, 100, 900, True, 7),))),
    Row("every port is a port", (
        to_db(0, "db", "passed new"),
        to_db(65535, "db", "passed new"),
        to_db(4000, "drop", "denied by rule", 9),
    ), rules=Rules(db_ingress=((WEB, TCP, 0, 65535, True, 7), (0, TCP, 4000, 4000, False, 9)))),
    Row("protocols do not leak into each other", (
        to_db(80, "db", "passed new"),
        Step("web", lambda f: web(f, "db", udp(1000, 80), UDP), "drop", "denied by default"),
        Step("web", lambda f: web(f, "db", udp(1000, 53), UDP), "db", "passed new"),
        to_db(53, "drop", "denied by default"),
        Step("web", lambda f: web(f, "db", udp(1, 80) + bytes(8), SCTP), "drop", "denied by default"),
        Step("web", lambda f: web(f, "db", ask(f), f.icmp), "drop", "denied by default"),
    ), rules=Rules(db_ingress=((WEB, TCP, 80, 80, True, 1), (WEB, UDP, 53, 53, True, 2)))),
    Row("an ICMP type is asked about as a port", (
        Step("web", lambda f: web(f, "db", ask(f), f.icmp), "db", "passed new", rule=4),
        Step("web", lambda f: web(f, "db", bytes([13 if f.icmp == ICMP else 139]) + bytes(19), f.icmp), "drop",
             "denied by default"),
    ), rules=Rules(db_ingress=((WEB, ICMP, 8, 8, True, 4), (WEB, ICMPV6, 128, 128, True, 4)))),
    Row("an ICMP message that is no echo has no connection", (
        Step("web", lambda f: web(f, "db", bytes([13 if f.icmp == ICMP else 139]) + bytes(19), f.icmp), "db",
             "passed new"),
        Step("db", lambda f: db(f, "web", bytes([14 if f.icmp == ICMP else 140]) + bytes(19), f.icmp), "drop",
             "denied by default"),
    ), rules=Rules(web_ingress=())),
    Row("the overlay's identity is the peer's", (
        Step("overlay", lambda f: other(f, "far", "db"), "db", "passed new", rule=3),
        Step("overlay", lambda f: other(f, "beta_router", "db"), "drop", "denied by default", identity=REMOTE),
    ), rules=Rules(db_ingress=((FAR, TCP, 80, 80, True, 3),))),
    Row("another host is remote-node and obeys ingress policy", (
        Step("overlay", lambda f: other(f, "beta_router", "db"), "db", "passed new", identity=REMOTE, rule=3),
        Step("uplink", lambda f: other(f, "beta", "db"), "db", "passed new", rule=3),
        Step("to db", lambda f: other(f, "beta", "db", tcp(1, 80)), "stack", "passed new", forwarded=True, rule=3),
        Step("overlay", lambda f: other(f, "far", "db"), "drop", "denied by default"),
    ), rules=Rules(db_ingress=((REMOTE, TCP, 80, 80, True, 3),))),
    Row("an endpoint reaching its host obeys its egress policy", (
        Step("web", lambda f: web(f, "host"), "stack", "passed new", rule=3),
        Step("web", lambda f: web(f, "router", tcp(1, 81)), "drop", "denied by default", policy="web_egress"),
    ), rules=Rules(web_egress=((HOST, TCP, 80, 80, True, 3),))),
    Row("an endpoint reaching another host obeys its egress policy", (
        Step("web", lambda f: web(f, "beta"), "tunnel", "passed new", rule=3),
        Step("web", lambda f: web(f, "beta_router"), "tunnel", "passed new", rule=3),
        Step("web", lambda f: web(f, "host"), "drop", "denied by default", policy="web_egress"),
    ), rules=Rules(web_egress=((REMOTE, TCP, 80, 80, True, 3),))),
    Row("the world is its blocks", (
        Step("web", lambda f: web(f, "world"), "stack", "passed new", rule=31),
        Step("web", lambda f: web(f, "partner"), "drop", "denied by default", policy="web_egress"),
    ), rules=Rules(web_egress=WORLD)),
    Row("a block inside the world", (
        Step("web", lambda f: web(f, "partner"), "stack", "passed new", rule=32),
        Step("web", lambda f: web(f, "world"), "drop", "denied by default", policy="web_egress"),
        Step("uplink", lambda f: other(f, "partner", "web"), "drop", "denied by rule", rule=33,
             policy="web_ingress"),
    ), rules=Rules(web_egress=((PARTNER, TCP, 80, 80, True, 32),), web_ingress=((PARTNER, TCP, 80, 80, False, 33),))),
    Row("a forwarded packet from the world obeys ingress policy", (
        Step("to db", lambda f: other(f, "world", "db"), "stack", "passed new", forwarded=True, rule=31),
        Step("to db", lambda f: other(f, "partner", "db"), "drop", "denied by default", forwarded=True,
             policy="db_ingress"),
    ), rules=Rules(db_ingress=WORLD)),
    Row("Cilium's CIDR does not match an endpoint", (
        to_db(80, "drop", "denied by default", 0, "db_ingress"),
    ), rules=Rules(db_ingress=((INSIDE, TCP, 80, 80, True, 5),),
                   more_blocks={"10.42.0.0/24": INSIDE, "fd42::/64": INSIDE})),
    Row("Kubernetes' ipBlock does", (
        to_db(80, "db", "passed new", 5),
        Step("overlay", lambda f: other(f, "far", "db"), "drop", "denied by default"),
    ), rules=Rules(db_ingress=((INSIDE, TCP, 80, 80, True, 5),), by_block=("db_ingress",),
                   more_blocks={"10.42.0.0/24": INSIDE, "fd42::/64": INSIDE})),
    Row("either may deny", (
        to_db(80, "drop", "denied by rule", 6, "db_ingress"),
    ), rules=Rules(db_ingress=((INSIDE, TCP, 80, 80, False, 6), (WEB, TCP, 80, 80, True, 5)), by_block=("db_ingress",),
                   more_blocks={"10.42.0.0/24": INSIDE, "fd42::/64": INSIDE})),
    Row("the identity may deny too", (
        to_db(80, "drop", "denied by rule", 6, "db_ingress"),
    ), rules=Rules(db_ingress=((INSIDE, TCP, 80, 80, True, 5), (WEB, TCP, 80, 80, False, 6)), by_block=("db_ingress",),
                   more_blocks={"10.42.0.0/24": INSIDE, "fd42::/64": INSIDE})),
    Row("the block of an endpoint hides nobody from the ranges", (
        Step("web", lambda f: web(f, "other"), "drop", "no such endpoint"),
    ), rules=Rules(more_blocks={"10.42.0.0/24": INSIDE, "fd42::/64": INSIDE})),
    Row("SCTP and UDP have policies of their own", (
        Step("web", lambda f: web(f, "db", udp(1, 80) + bytes(8), SCTP), "db", "passed new", rule=1),
        Step("web", lambda f: web(f, "db", dgram(1, 80), UDP), "drop", "denied by default"),
    ), rules=Rules(db_ingress=((WEB, SCTP, 80, 80, True, 1),))),
    Row("a host always reaches its own endpoints", (
        Step("to db", lambda f: other(f, "router", "db"), "stack", "passed new"),
        Step("to db", lambda f: other(f, "host", "db", dgram(), UDP), "stack", "passed new"),
        Step("to db", lambda f: other(f, "host", "db", ask(f), f.icmp), "stack", "passed new"),
    ), rules=Rules(db_ingress=((0, TCP, 0, 65535, False, 1), (HOST, TCP, 0, 65535, False, 1)))),
    Row("in native mode the source is looked up", (
        Step("uplink", lambda f: other(f, "far", "db"), "db", "passed new", rule=3),
        Step("uplink", lambda f: other(f, "beta", "db"), "drop", "denied by default"),
        Step("uplink", lambda f: other(f, "world", "db"), "drop", "denied by default"),
    ), rules=Rules(db_ingress=((FAR, TCP, 80, 80, True, 3),)), native=True),
)  # fmt: skip


@pytest.mark.parametrize(**cases(ROWS))
def test_a_policy_decides(overlay: Datapath, native: Datapath, row: Row, family: Family) -> None:
    check(native if row.native else overlay, row, family)
