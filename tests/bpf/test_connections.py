"""Connections: one entry for both directions, decided once per epoch, expiring, never in anybody's way."""

from __future__ import annotations

import pytest

from tests.bpf.datapath import Datapath, run
from tests.bpf.packets import ACK, FIN, ICMP, RST, SCTP, SYN, TCP, UDP, Ip, carried, icmp, sctp, tcp
from tests.bpf.rows import Change, Do, Row, Step, answer, ask, cases, check, db, dgram, other, web
from tests.bpf.world import DB, DB_ID, FAR, HOST, IPV4, IPV6, REMOTE, WEB, WEB_ID, Family, Rules

CLOSED: Rules = Rules(web_ingress=(), db_ingress=((WEB, TCP, 80, 80, True, 11),))
"""Nobody opens a connection to web; web alone opens one to db, port 80."""
SHUT = Rules(web_ingress=(), db_ingress=())
DOUBLE = Rules(web_ingress=(), db_ingress=((FAR, TCP, 80, 80, True, 11), (WEB, UDP, 53, 53, True, 12)))
REPLY = tcp(80, 1000, SYN | ACK)
DATA = tcp(1000, 80, ACK)


def expire(datapath: Datapath) -> None:
    """Every connection's time has come."""
    for number in (WEB_ID, DB_ID):
        datapath.edit_connections(number, expires=1)


def evict(datapath: Datapath) -> None:
    """Every connection is forgotten."""
    for number in (WEB_ID, DB_ID):
        datapath.forget_connections(number)


def reuse(datapath: Datapath) -> None:
    """Every entry is as a reader finds it when the element was given to another key in between."""
    for number in (WEB_ID, DB_ID):
        for entry in datapath.connections(number).values():
            datapath.edit_connections(number, judged=entry.judged ^ 1 << 40)


def flood(datapath: Datapath) -> None:
    """web opens more connections than its table has room for, faster than they would expire."""
    datapath.run("from_endpoint", web(FLOODED[0], "db", tcp(2000, 80, SYN)).frame(), WEB_ID)
    for port in range(2001, 4500):
        run(datapath.programs["from_endpoint"], web(FLOODED[0], "db", tcp(port, 80, SYN)).frame())


FLOODED: list[Family] = []


def opened(then: str = "db") -> Step:
    """web opens a connection to db."""
    return Step("web", lambda f: web(f, "db"), then, "passed new")


ROWS = (
    Row("a reply passes where no connection may be opened", (
        opened(),
        Step("db", lambda f: db(f, "web", REPLY), "web", "passed established"),
        Step("web", lambda f: web(f, "db", DATA), "db", "passed established"),
    ), rules=CLOSED),
    Row("what was not asked for is no reply", (
        Step("db", lambda f: db(f, "web", tcp(80, 1000, SYN)), "drop", "denied by default", policy="web_ingress"),
        Step("db", lambda f: db(f, "web", REPLY), "drop", "denied by default", policy="web_ingress"),
    ), rules=CLOSED),
    Row("a SYN against the direction of a connection is no reply", (
        opened(),
        Step("db", lambda f: db(f, "web", tcp(80, 1000, SYN)), "drop", "denied by default", policy="web_ingress"),
        Step("db", lambda f: db(f, "web", REPLY), "web", "passed established"),
    ), rules=CLOSED),
    Row("a reply from the overlay passes", (
        Step("web", lambda f: web(f, "far"), "tunnel", "passed new"),
        Step("overlay", lambda f: other(f, "far", "web", REPLY), "web", "passed established"),
        Step("overlay", lambda f: other(f, "far", "web"), "drop", "denied by default", policy="web_ingress"),
    ), rules=CLOSED),
    Row("a reply into the overlay passes", (
        Step("overlay", lambda f: other(f, "far", "web"), "web", "passed new"),
        Step("web", lambda f: web(f, "far", REPLY), "tunnel", "passed established"),
        Step("web", lambda f: web(f, "far"), "drop", "denied by default", policy="web_egress"),
    ), rules=Rules(web_egress=())),
    Row("a reply from the world passes, through the uplink or the stack", (
        Step("web", lambda f: web(f, "world"), "stack", "passed new"),
        Step("uplink", lambda f: other(f, "world", "web", REPLY), "web", "passed established"),
        Step("to web", lambda f: other(f, "world", "web", REPLY), "stack", "passed established", forwarded=True),
    ), rules=CLOSED),
    Row("a reply to the world that came by the uplink goes by the uplink", (
        Step("uplink", lambda f: other(f, "world", "web"), "web", "passed new"),
        Step("web", lambda f: web(f, "world", REPLY), "uplink", "passed established"),
        Change(Rules(db_ingress=())),
        Step("web", lambda f: web(f, "world", REPLY), "uplink", "passed again"),
        Step("uplink", lambda f: other(f, "world", "web", DATA), "web", "passed established"),
        Step("web", lambda f: web(f, "world", REPLY), "uplink", "passed established"),
        Step("web", lambda f: web(f, "world"), "stack", "passed new"),
    )),
    Row("a reply to the world that came by the host's stack goes by the stack", (
        Step("to web", lambda f: other(f, "world", "web"), "stack", "passed new", forwarded=True),
        Step("web", lambda f: web(f, "world", REPLY), "stack", "passed established"),
    )),
    Row("a reply of the host to its endpoint passes, and the endpoint's to its host", (
        Step("web", lambda f: web(f, "host"), "stack", "passed new"),
        Step("to web", lambda f: other(f, "host", "web", REPLY), "stack", "passed established"),
        Step("to db", lambda f: other(f, "host", "db"), "stack", "passed new"),
        Step("db", lambda f: db(f, "host", REPLY), "stack", "passed established"),
    ), rules=Rules(web_ingress=(), web_egress=((HOST, TCP, 80, 80, True, 5),), db_egress=(), db_ingress=())),
    Row("UDP and SCTP and echo have replies too", (
        Step("web", lambda f: web(f, "db", dgram(), UDP), "db", "passed new"),
        Step("db", lambda f: db(f, "web", dgram(53, 1000), UDP), "web", "passed established"),
        Step("web", lambda f: web(f, "db", sctp(7, 8), SCTP), "db", "passed new"),
        Step("db", lambda f: db(f, "web", sctp(8, 7), SCTP), "web", "passed established"),
        Step("web", lambda f: web(f, "db", ask(f), f.icmp), "db", "passed new"),
        Step("db", lambda f: db(f, "web", answer(f), f.icmp), "web", "passed established"),
    ), rules=Rules(web_ingress=())),
    Row("an echo request is no reply to an echo request", (
        Step("web", lambda f: web(f, "db", ask(f), f.icmp), "db", "passed new"),
        Step("db", lambda f: db(f, "web", ask(f), f.icmp), "drop", "denied by default", policy="web_ingress"),
    ), rules=Rules(web_ingress=())),
    Row("an echo reply that nobody asked for is judged as what it is", (
        Step("db", lambda f: db(f, "web", answer(f), f.icmp), "drop", "denied by default", policy="web_ingress"),
    ), rules=Rules(web_ingress=((0, ICMP, 8, 8, True, 1), (0, 58, 128, 128, True, 1)))),
    Row("another port is another connection", (
        opened(),
        Step("db", lambda f: db(f, "web", tcp(81, 1000, SYN | ACK)), "drop", "denied by default"),
        Step("db", lambda f: db(f, "web", tcp(80, 1001, SYN | ACK)), "drop", "denied by default"),
        Step("db", lambda f: db(f, "web", dgram(80, 1000), UDP), "drop", "denied by default"),
    ), rules=CLOSED),
    Row("a revoked rule cuts a live connection at once, both ways", (
        opened(),
        Step("db", lambda f: db(f, "web", REPLY), "web", "passed established"),
        Change(SHUT),
        Step("web", lambda f: web(f, "db", DATA), "drop", "denied by default", policy="db_ingress"),
        Step("db", lambda f: db(f, "web", REPLY), "drop", "denied by default"),
        Step("web", lambda f: web(f, "db", DATA), "drop", "denied by default"),
    ), rules=CLOSED),
    Row("a reply alone learns that its connection was revoked", (
        opened(),
        Change(SHUT),
        Step("db", lambda f: db(f, "web", REPLY), "drop", "denied by default", policy="db_ingress"),
    ), rules=CLOSED),
    Row("a connection lives again when its rule does", (
        opened(),
        Change(SHUT),
        Step("web", lambda f: web(f, "db", DATA), "drop", "denied by default"),
        Change(CLOSED),
        Step("db", lambda f: db(f, "web", REPLY), "web", "passed again"),
        Step("web", lambda f: web(f, "db", DATA), "db", "passed established"),
    ), rules=CLOSED),
    Row("a reply is judged by the policy of the original direction, also after a change", (
        opened(),
        Change(Rules(web_ingress=(), db_ingress=CLOSED.db_ingress, db_egress=())),
        Step("db", lambda f: db(f, "web", REPLY), "web", "passed again"),
        Step("db", lambda f: db(f, "web", REPLY), "web", "passed established"),
    ), rules=CLOSED),
    Row("a reply from the overlay is judged by the policy of the original direction after a change", (
        Step("web", lambda f: web(f, "far"), "tunnel", "passed new"),
        Change(Rules(web_ingress=(), web_egress=((FAR, TCP, 80, 80, True, 3),))),
        Step("overlay", lambda f: other(f, "far", "web", REPLY), "web", "passed again"),
        Change(Rules(web_ingress=(), web_egress=())),
        Step("overlay", lambda f: other(f, "far", "web", REPLY), "drop", "denied by default", policy="web_egress"),
    ), rules=CLOSED),
    Row("another identity of the peer on the wire is judged again, as who it is by this host's tables", (
        Step("overlay", lambda f: other(f, "far", "db"), "db", "passed new"),
        Step("overlay", lambda f: other(f, "far", "db", DATA), "db", "passed again", identity=FAR + 1),
        Step("overlay", lambda f: other(f, "far", "db", DATA), "db", "passed established"),
    ), rules=DOUBLE),
    Row("what the host opened stays the host's after a change", (
        Step("to db", lambda f: other(f, "world", "db"), "stack", "passed new"),
        Change(Rules(db_ingress=(), db_egress=(), web_ingress=())),
        Step("db", lambda f: db(f, "world", REPLY), "stack", "passed again"),
    ), rules=Rules(db_ingress=(), db_egress=())),
    Row("a TCP packet without an entry is judged as new, SYN or not", (
        Step("web", lambda f: web(f, "db", DATA), "db", "passed new"),
        Step("web", lambda f: web(f, "db", tcp(1000, 81, ACK)), "drop", "denied by default", policy="db_ingress"),
    ), rules=CLOSED),
    Row("eviction in mid-stream is survived", (
        opened(),
        Step("db", lambda f: db(f, "web", REPLY), "web", "passed established"),
        Do(evict),
        Step("web", lambda f: web(f, "db", DATA), "db", "passed new"),
        Step("db", lambda f: db(f, "web", tcp(80, 1000, ACK)), "web", "passed established"),
    ), rules=CLOSED),
    Row("an element that is reused under its reader is absent", (
        opened(),
        Do(reuse),
        Step("db", lambda f: db(f, "web", REPLY), "drop", "denied by default", policy="web_ingress"),
        Step("web", lambda f: web(f, "db", DATA), "db", "passed new"),
    ), rules=CLOSED),
    Row("a UDP reply after expiry is refused", (
        Step("web", lambda f: web(f, "db", dgram(), UDP), "db", "passed new"),
        Step("db", lambda f: db(f, "web", dgram(53, 1000), UDP), "web", "passed established"),
        Do(expire),
        Step("db", lambda f: db(f, "web", dgram(53, 1000), UDP), "drop", "denied by default", policy="web_ingress"),
        Step("web", lambda f: web(f, "db", dgram(), UDP), "db", "passed new"),
    ), rules=DOUBLE),
    Row("a packet keeps its connection alive", (
        Step("web", lambda f: web(f, "db", dgram(), UDP), "db", "passed new"),
        Do(lambda datapath: nearly(datapath)),
        Step("db", lambda f: db(f, "web", dgram(53, 1000), UDP), "web", "passed established"),
        Do(lambda datapath: lasts(datapath, 60)),
    ), rules=DOUBLE),
    Row("a connection that was not answered is short-lived", (opened(), Do(lambda datapath: lasts(datapath, 60)))),
    Row("an established one lasts", (
        opened(),
        Step("db", lambda f: db(f, "web", REPLY), "web", "passed established"),
        Step("web", lambda f: web(f, "db", DATA), "db", "passed established"),
        Do(lambda datapath: lasts(datapath, 8000)),
    )),
    Row("one side's FIN is half an end", (
        Step("web", lambda f: web(f, "db", DATA), "db", "passed new"),
        Step("web", lambda f: web(f, "db", tcp(1000, 80, FIN | ACK)), "db", "passed established"),
        Do(lambda datapath: lasts(datapath, 8000)),
        Step("db", lambda f: db(f, "web", tcp(80, 1000, FIN | ACK)), "web", "passed established"),
        Do(lambda datapath: lasts(datapath, 10)),
    )),
    Row("RST is the whole of it, and the last packets still pass", (
        Step("web", lambda f: web(f, "db", DATA), "db", "passed new"),
        Step("db", lambda f: db(f, "web", tcp(80, 1000, RST)), "web", "passed established"),
        Do(lambda datapath: lasts(datapath, 10)),
        Step("web", lambda f: web(f, "db", DATA), "db", "passed established"),
        Do(lambda datapath: lasts(datapath, 10)),
    )),
    Row("a SYN after the end opens a new connection", (
        Step("web", lambda f: web(f, "db", tcp(1000, 80, RST)), "db", "passed new"),
        opened(),
        Do(lambda datapath: lasts(datapath, 60)),
    ), rules=CLOSED),
    Row("an ICMP error about a connection passes", (
        opened(),
        Step("db", lambda f: db(f, "web", error(f, web(f, "db")), f.icmp), "web", "passed related"),
        Step("web", lambda f: web(f, "far"), "tunnel", "passed new"),
        Step("overlay", lambda f: other(f, "far", "web", error(f, web(f, "far")), f.icmp), "web", "passed related"),
        Step("web", lambda f: web(f, "world"), "stack", "passed new"),
        Step("uplink", lambda f: other(f, "partner", "web", error(f, web(f, "world")), f.icmp), "web",
             "passed related"),
        Step("to web", lambda f: other(f, "router", "web", error(f, web(f, "world")), f.icmp), "stack",
             "passed related"),
    ), rules=CLOSED),
    Row("who sends an ICMP error is believed no more easily", (
        Step("web", lambda f: web(f, "world"), "stack", "passed new"),
        Step("to web", lambda f: other(f, "partner", "web", error(f, web(f, "world")), f.icmp), "stack",
             "passed related", forwarded=True),
        Step("to web", lambda f: other(f, "far", "web", error(f, web(f, "world")), f.icmp), "drop",
             "forged endpoint", forwarded=True),
        Step("uplink", lambda f: other(f, "far", "web", error(f, web(f, "world")), f.icmp), "drop",
             "forged endpoint"),
        Step("overlay", lambda f: other(f, "far", "web", error(f, web(f, "world")), f.icmp), "drop",
             "forged tunnel source", host="world"),
    ), rules=CLOSED),
    Row("an ICMP error from a router on the way passes by the tunnel", (
        Step("web", lambda f: web(f, "far"), "tunnel", "passed new"),
        Step("overlay", lambda f: other(f, "beta_router", "web", error(f, web(f, "far")), f.icmp), "web",
             "passed related", identity=REMOTE),
    ), rules=CLOSED),
    Row("an ICMP error does not come from where its packet cannot have gone", (
        opened(),
        Step("web", lambda f: web(f, "far"), "tunnel", "passed new"),
        Step("web", lambda f: web(f, "world"), "stack", "passed new"),
        Step("uplink", lambda f: other(f, "partner", "web", error(f, web(f, "db")), f.icmp), "drop",
             "unrelated error"),
        Step("uplink", lambda f: other(f, "partner", "web", error(f, web(f, "far")), f.icmp), "drop",
             "unrelated error"),
        Step("to web", lambda f: other(f, "partner", "web", error(f, web(f, "db")), f.icmp), "drop",
             "unrelated error", forwarded=True),
        Step("overlay", lambda f: other(f, "far", "web", error(f, web(f, "db")), f.icmp), "drop", "unrelated error"),
        Step("overlay", lambda f: other(f, "far", "web", error(f, web(f, "world")), f.icmp), "drop",
             "unrelated error"),
    ), rules=CLOSED),
    Row("an ICMP error about a reply passes", (
        opened(),
        Step("web", lambda f: web(f, "db", error(f, db(f, "web", REPLY)), f.icmp), "db", "passed related"),
    ), rules=CLOSED),
    Row("an ICMP error about an echo passes", (
        Step("web", lambda f: web(f, "db", ask(f), f.icmp), "db", "passed new"),
        Step("db", lambda f: db(f, "web", error(f, web(f, "db", ask(f), f.icmp)), f.icmp), "web", "passed related"),
    ), rules=Rules(web_ingress=())),
    Row("an ICMP error about nothing is dropped", (
        Step("db", lambda f: db(f, "web", error(f, web(f, "db")), f.icmp), "drop", "unrelated error"),
        Step("uplink", lambda f: other(f, "world", "web", error(f, web(f, "world")), f.icmp), "drop",
             "unrelated error"),
    )),
    Row("an ICMP error about another's connection is dropped", (
        Step("web", lambda f: web(f, "far"), "tunnel", "passed new"),
        Step("db", lambda f: db(f, "web", error(f, web(f, "far")), f.icmp), "drop", "forged address"),
    )),
    Row("an ICMP error about a connection that is no longer allowed is dropped", (
        opened(),
        Change(SHUT),
        Step("db", lambda f: db(f, "web", error(f, web(f, "db")), f.icmp), "drop", "denied by default"),
    ), rules=CLOSED),
    Row("an ICMP error opens nothing", (
        opened(),
        Step("db", lambda f: db(f, "web", error(f, web(f, "db")), f.icmp), "web", "passed related"),
        Step("db", lambda f: db(f, "web", icmp(f.unreachable), f.icmp), "drop", "unrelated error"),
    ), rules=CLOSED),
)  # fmt: skip


def error(f: Family, about: Ip) -> bytes:
    """An unreachable about a packet."""
    return icmp(f.unreachable, 1, payload=carried(about))


def _left(datapath: Datapath) -> float:
    """How many seconds the connections of web have left, from one that is made now."""
    before = set(datapath.connections(WEB_ID))
    probe = web(IPV4, "world", dgram(60001, 60002), UDP).frame()
    datapath.run("from_endpoint", probe, WEB_ID)
    after = datapath.connections(WEB_ID)
    (fresh,) = set(after) - before
    datapath.forget_connections(WEB_ID, fresh)
    return (max(after[key].expires for key in before) - after[fresh].expires) / 250 + 60


def lasts(datapath: Datapath, seconds: int) -> None:
    """The longest-lived connection of web has this long to live."""
    assert seconds - 3 <= _left(datapath) <= seconds + 3


def nearly(datapath: Datapath) -> None:
    """Every connection of web has a few seconds left."""
    for entry in datapath.connections(WEB_ID).values():
        datapath.edit_connections(WEB_ID, expires=entry.expires - 250 * 50)


@pytest.mark.parametrize(**cases(ROWS))
def test_a_connection_is_what_was_decided(overlay: Datapath, row: Row, family: Family) -> None:
    check(overlay, row, family)


def test_a_flood_of_one_endpoint_does_not_break_anothers_connections(overlay: Datapath) -> None:
    for family in (IPV4, IPV6):
        FLOODED[:] = [family]
        steps = (
            Step("overlay", lambda f: other(f, "far", "db"), "db", "passed new"),
            Step("db", lambda f: db(f, "far", tcp(2000, 443, SYN)), "tunnel", "passed new"),
            Do(flood),
            Step("db", lambda f: db(f, "far", REPLY), "tunnel", "passed established"),
            Step("overlay", lambda f: other(f, "far", "db", tcp(443, 2000, ACK)), "db", "passed established"),
        )
        check(overlay, Row("", steps), family)


def test_one_entry_serves_both_ends_and_both_directions(overlay: Datapath) -> None:
    steps = (opened(), Step("db", lambda f: db(f, "web", REPLY), "web", "passed established"))
    for family in (IPV4, IPV6):
        check(overlay, Row("", steps), family)
        assert len(overlay.connections(WEB_ID)) == 1
        assert not overlay.connections(DB_ID)
        (entry,) = overlay.connections(WEB_ID).values()
        assert (entry.own_identity, entry.identity, entry.endpoint, entry.host) == (WEB, DB, DB_ID, 0)
