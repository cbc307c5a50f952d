"""Audit: what the policies of an audited endpoint deny is told of and let through, and nothing else is."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.bpf import test_believed, test_edges
from tests.bpf.datapath import Datapath
from tests.bpf.packets import ACK, SCTP, SYN, TCP, UDP, icmp, sctp, tcp
from tests.bpf.rows import NUMBERS, Change, Do, Row, Step, answer, ask, cases, check, db, dgram, other, web
from tests.bpf.test_connections import error
from tests.bpf.test_edges import LONG
from tests.bpf.world import DB, WEB, Family, Rules

SHUT_EGRESS, SHUT_INGRESS = Rules(web_egress=()), Rules(db_ingress=())
SHUT = Rules(web_egress=(), db_ingress=())
OPEN = Rules(web_egress=((DB, TCP, 80, 80, True, 21),), db_ingress=((WEB, TCP, 80, 80, True, 22),))
DENIED = Rules(
    web_egress=((0, TCP, 1, 65535, True, 31), (DB, TCP, 80, 80, False, 32)),
    db_ingress=((0, TCP, 1, 65535, True, 33), (WEB, TCP, 80, 80, False, 34)),
)
EGRESS = (("web_egress", "denied by default"),)
INGRESS = (("db_ingress", "denied by default"),)
EGRESS_RULE, INGRESS_RULE = (("web_egress", "denied by rule"),), (("db_ingress", "denied by rule"),)
REPLY, DATA = tcp(80, 1000, SYN | ACK), tcp(1000, 80, ACK)


def audit(*names: str) -> Do:
    """From now on these endpoints are audited, and no others."""
    return Do(lambda datapath: datapath.audit(*(NUMBERS[name] for name in names)))


def query(f: Family) -> bytes:
    """An ICMP message that is no part of a connection: a question for the time, or for information of a node."""
    return icmp(13 if f.version == 4 else 139)


def to_db(why: str, then: str = "db", audits: tuple[tuple[str, str], ...] = (), policy: str = "") -> Step:
    """web says something in its connection to db."""
    return Step("web", lambda f: web(f, "db", DATA), then, why, audits=audits, policy=policy)


def to_web(why: str, then: str = "web", audits: tuple[tuple[str, str], ...] = ()) -> Step:
    """db answers in the same connection."""
    return Step("db", lambda f: db(f, "web", REPLY), then, why, audits=audits)


ROWS = (
    Row("what an audited endpoint may not send passes to everybody, and is told of once", (
        Step("web", lambda f: web(f, "db"), "db", "passed audited", audits=EGRESS),
        to_db("passed established"),
        Step("web", lambda f: web(f, "far"), "tunnel", "passed audited", audits=EGRESS),
        Step("web", lambda f: web(f, "far", DATA), "tunnel", "passed established"),
        Step("web", lambda f: web(f, "world"), "stack", "passed audited", audits=EGRESS),
        Step("web", lambda f: web(f, "host"), "stack", "passed audited", audits=EGRESS),
    ), rules=SHUT_EGRESS, audited=("web",)),
    Row("replies to what audit let out pass", (
        Step("web", lambda f: web(f, "db"), "db", "passed audited", audits=EGRESS),
        to_web("passed established"),
        Step("web", lambda f: web(f, "far"), "tunnel", "passed audited", audits=EGRESS),
        Step("overlay", lambda f: other(f, "far", "web", REPLY), "web", "passed established"),
        Step("web", lambda f: web(f, "world"), "stack", "passed audited", audits=EGRESS),
        Step("uplink", lambda f: other(f, "world", "web", REPLY), "web", "passed established"),
    ), rules=Rules(web_egress=(), web_ingress=(), db_egress=()), audited=("web",)),
    Row("what an audited endpoint may not get passes from everybody, and is told of once", (
        Step("web", lambda f: web(f, "db"), "db", "passed audited", audits=INGRESS),
        Step("overlay", lambda f: other(f, "far", "db"), "db", "passed audited", audits=INGRESS),
        Step("overlay", lambda f: other(f, "far", "db", DATA), "db", "passed established"),
        Step("uplink", lambda f: other(f, "world", "db"), "db", "passed audited", audits=INGRESS),
        Step("uplink", lambda f: other(f, "world", "db", DATA), "db", "passed established"),
        Step("to db", lambda f: other(f, "partner", "db"), "stack", "passed audited", forwarded=True, audits=INGRESS),
        Step("to db", lambda f: other(f, "partner", "db", DATA), "stack", "passed established", forwarded=True),
    ), rules=SHUT_INGRESS, audited=("db",)),
    Row("replies to what audit let in pass, the way it came", (
        Step("overlay", lambda f: other(f, "far", "db"), "db", "passed audited", audits=INGRESS),
        Step("db", lambda f: db(f, "far", REPLY), "tunnel", "passed established"),
        Step("uplink", lambda f: other(f, "world", "db"), "db", "passed audited", audits=INGRESS),
        Step("db", lambda f: db(f, "world", REPLY), "uplink", "passed established"),
    ), rules=Rules(db_ingress=(), db_egress=()), audited=("db",)),
    Row("in native mode it is the same", (
        Step("web", lambda f: web(f, "far"), "uplink", "passed audited", audits=EGRESS),
        Step("uplink", lambda f: other(f, "far", "db"), "db", "passed audited", audits=INGRESS),
        Step("uplink", lambda f: other(f, "far", "db", DATA), "db", "passed established"),
        Step("db", lambda f: db(f, "far", REPLY), "uplink", "passed established"),
    ), rules=SHUT, audited=("web", "db"), native=True),
    Row("a rule that denies is named", (
        Step("web", lambda f: web(f, "db"), "db", "passed audited", rule=32, audits=EGRESS_RULE),
        Step("web", lambda f: web(f, "db", tcp(1000, 81, SYN)), "db", "passed new", rule=31),
    ), rules=replace(DENIED, db_ingress=None), audited=("web",)),
    Row("at an audited responder too", (
        Step("web", lambda f: web(f, "db"), "db", "passed audited", rule=34, audits=INGRESS_RULE),
    ), rules=replace(DENIED, web_egress=None), audited=("db",)),
    Row("the other end's policy counts: the responder's", (
        Step("web", lambda f: web(f, "db"), "drop", "denied by default", policy="db_ingress", audits=EGRESS),
        to_db("denied by default", "drop", EGRESS, "db_ingress"),
    ), rules=SHUT, audited=("web",)),
    Row("the other end's policy counts: the initiator's", (
        Step("web", lambda f: web(f, "db"), "drop", "denied by default", policy="web_egress"),
    ), rules=SHUT, audited=("db",)),
    Row("where both are audited both denials are told of", (
        Step("web", lambda f: web(f, "db"), "db", "passed audited", audits=EGRESS + INGRESS),
        to_web("passed established"),
        to_db("passed established"),
    ), rules=SHUT, audited=("web", "db")),
    Row("who is not audited notices nothing", (
        Step("db", lambda f: db(f, "web"), "drop", "denied by default", policy="db_egress"),
        Step("web", lambda f: web(f, "db"), "drop", "denied by default", policy="db_ingress"),
    ), rules=Rules(db_egress=(), db_ingress=()), audited=("web",)),
    Row("what is allowed is no audit", (
        Step("web", lambda f: web(f, "db"), "db", "passed new", rule=22),
        to_web("passed established"),
    ), rules=OPEN, audited=("web", "db")),
    Row("a host reaches its own endpoint by no audit", (
        Step("to db", lambda f: other(f, "host", "db"), "stack", "passed new"),
    ), rules=SHUT_INGRESS, audited=("db",)),
    Row("every protocol is audited", (
        Step("web", lambda f: web(f, "db", dgram(), UDP), "db", "passed audited", audits=INGRESS),
        Step("db", lambda f: db(f, "web", dgram(53, 1000), UDP), "web", "passed established"),
        Step("web", lambda f: web(f, "db", sctp(7, 8), SCTP), "db", "passed audited", audits=INGRESS),
        Step("web", lambda f: web(f, "db", ask(f), f.icmp), "db", "passed audited", audits=INGRESS),
        Step("db", lambda f: db(f, "web", answer(f), f.icmp), "web", "passed established"),
    ), rules=Rules(db_ingress=(), web_ingress=()), audited=("db",)),
    Row("what belongs to no connection is told of each time", (
        Step("web", lambda f: web(f, "db", query(f), f.icmp), "db", "passed audited", audits=INGRESS),
        Step("web", lambda f: web(f, "db", query(f), f.icmp), "db", "passed audited", audits=INGRESS),
    ), rules=SHUT_INGRESS, audited=("db",)),
    Row("an error about an audited connection passes, about another one it does not", (
        Step("web", lambda f: web(f, "db"), "db", "passed audited", audits=INGRESS),
        Step("db", lambda f: db(f, "web", error(f, web(f, "db")), f.icmp), "web", "passed related"),
        Step("db", lambda f: db(f, "web", error(f, web(f, "db", tcp(9, 80))), f.icmp), "drop", "unrelated error"),
        audit(),
        Step("db", lambda f: db(f, "web", error(f, web(f, "db")), f.icmp), "drop", "denied by default"),
    ), rules=Rules(db_ingress=(), web_ingress=()), audited=("db",)),
    Row("fragments of what audit let through pass, strangers do not", (
        Step("web", lambda f: web(f, "db", LONG, UDP, more=True), "db", "passed audited", audits=INGRESS),
        Step("web", lambda f: web(f, "db", bytes(8), UDP, offset=48), "db", "passed established"),
        Step("web", lambda f: web(f, "db", bytes(8), UDP, offset=48, identification=8), "drop", "fragment unknown"),
        audit(),
        Step("web", lambda f: web(f, "db", bytes(8), UDP, offset=48), "drop", "denied by default"),
    ), rules=SHUT_INGRESS, audited=("db",)),
    Row("audit switched off cuts at once, both ways; switched on it lets go on", (
        Step("web", lambda f: web(f, "db"), "db", "passed audited", audits=INGRESS),
        to_web("passed established"),
        audit(),
        to_db("denied by default", "drop", policy="db_ingress"),
        to_web("denied by default", "drop"),
        to_db("denied by default", "drop"),
        audit("db"),
        to_web("passed audited", audits=INGRESS),
        to_db("passed established"),
        to_web("passed established"),
    ), rules=SHUT_INGRESS, audited=("db",)),
    Row("audit switched off cuts what came from elsewhere, and goes out to it", (
        Step("overlay", lambda f: other(f, "far", "db"), "db", "passed audited", audits=INGRESS),
        Step("uplink", lambda f: other(f, "world", "db"), "db", "passed audited", audits=INGRESS),
        Step("db", lambda f: db(f, "far", tcp(2000, 443, SYN)), "tunnel", "passed audited",
             audits=(("db_egress", "denied by default"),)),
        audit("web"),
        Step("db", lambda f: db(f, "far", REPLY), "drop", "denied by default"),
        Step("overlay", lambda f: other(f, "far", "db", DATA), "drop", "denied by default", policy="db_ingress"),
        Step("uplink", lambda f: other(f, "world", "db", DATA), "drop", "denied by default", policy="db_ingress"),
        Step("overlay", lambda f: other(f, "far", "db", tcp(443, 2000, ACK)), "drop", "denied by default"),
        audit("db"),
        Step("uplink", lambda f: other(f, "world", "db", DATA), "db", "passed audited", audits=INGRESS),
        Step("db", lambda f: db(f, "world", REPLY), "uplink", "passed established"),
    ), rules=Rules(db_ingress=(), db_egress=()), audited=("db",)),
    Row("of two audited ends each can cut", (
        Step("web", lambda f: web(f, "db"), "db", "passed audited", audits=EGRESS + INGRESS),
        audit("db"),
        to_db("denied by default", "drop", policy="web_egress"),
        audit("web"),
        to_db("denied by default", "drop", EGRESS, "db_ingress"),
        to_web("denied by default", "drop"),
        audit("web", "db"),
        to_web("passed audited", audits=EGRESS + INGRESS),
        to_db("passed established"),
    ), rules=SHUT, audited=("web", "db")),
    Row("a connection that every policy allows does not notice who is audited", (
        Step("web", lambda f: web(f, "db"), "db", "passed new"),
        audit("web", "db"),
        to_db("passed established"),
        to_web("passed established"),
        audit(),
        to_db("passed established"),
        to_web("passed established"),
    ), rules=OPEN),
    Row("a revoked rule cuts nothing of an audited endpoint; a granted one ends the audit", (
        Step("web", lambda f: web(f, "db"), "db", "passed new"),
        Change(SHUT_INGRESS),
        to_db("passed audited", audits=INGRESS),
        to_web("passed established"),
        Change(OPEN),
        to_web("passed again"),
        audit(),
        to_db("passed established"),
        Change(SHUT_INGRESS),
        to_db("denied by default", "drop", policy="db_ingress"),
    ), rules=OPEN, audited=("db",)),
)  # fmt: skip


@pytest.mark.parametrize(**cases(ROWS))
def test_what_a_policy_denies_is_let_through_where_its_endpoint_is_audited(
    overlay: Datapath, native: Datapath, row: Row, family: Family
) -> None:
    check(native if row.native else overlay, row, family)


def why_dropped(row: Row) -> list[str]:
    """The reasons why packets of a row are dropped."""
    return [step.why for step in row.steps if isinstance(step, Step) and step.then == "drop"]


UNMOVED = tuple(
    replace(row, audited=("web", "db"))
    for row in (*test_believed.ROWS, *test_edges.ROWS)
    if why_dropped(row) and not any(why.startswith("denied") for why in why_dropped(row))
)
"""Rows of others in which something is dropped, and never by a policy: it is so as well where everybody is audited."""


@pytest.mark.parametrize(**cases(UNMOVED))
def test_nobody_is_believed_more_easily_for_being_audited(
    overlay: Datapath, native: Datapath, row: Row, family: Family
) -> None:
    check(native if row.native else overlay, row, family)
