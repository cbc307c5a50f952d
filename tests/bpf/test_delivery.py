"""Delivery: where an allowed packet goes, and what it looks like there."""

from __future__ import annotations

import pytest

from bpf import maps
from tests.bpf.datapath import Datapath
from tests.bpf.packets import ACK, SYN, TCP, ethernet, tcp
from tests.bpf.rows import Change, Do, Row, Step, cases, check, db, other, web
from tests.bpf.world import DB_ID, FAR, IPV4, REMOTE, WEB, Family, Rules


def to_tap(datapath: Datapath) -> None:
    """Devices are in the host's own namespace."""
    datapath.in_host_namespace()


def no_device(datapath: Datapath) -> None:
    """db has no device."""
    maps.write(datapath.maps["endpoints"], {DB_ID.to_bytes(4, "little"): bytes(40)})


def no_overlay(datapath: Datapath) -> None:
    """There is no tunnel device."""
    maps.write(datapath.maps["settings"], {bytes(4): bytes(16)})


ROWS = (
    Row("next door, from all sources the same way", (
        Step("web", lambda f: web(f, "db"), "db", "passed new"),
        Step("overlay", lambda f: other(f, "far", "db"), "db", "passed new"),
        Step("uplink", lambda f: other(f, "world", "db"), "db", "passed new"),
    )),
    Row("a device in the host's own namespace is sent to, and lets it pass", (
        Do(to_tap),
        Step("web", lambda f: web(f, "db"), "db", "passed new", out_mark=0x100),
        Step("to db", lambda f: other(f, "web", "db"), "stack", "", mark=0x100, forwarded=True),
    )),
    Row("an endpoint whose device is gone", (
        Step("web", lambda f: web(f, "db"), "db", "passed new"),
        Do(no_device),
        Step("web", lambda f: web(f, "db"), "drop", "no such endpoint"),
        Step("overlay", lambda f: other(f, "far", "db"), "drop", "no such endpoint"),
    )),
    Row("into the tunnel", (
        Step("web", lambda f: web(f, "far"), "tunnel", "passed new"),
        Step("web", lambda f: web(f, "far", tcp(1000, 80, ACK)), "tunnel", "passed established"),
    )),
    Row("no tunnel device", (Do(no_overlay), Step("web", lambda f: web(f, "far"), "drop", "no tunnel"))),
    Row("no uplink", (Do(no_overlay), Step("web", lambda f: web(f, "far"), "drop", "no uplink")), native=True),
    Row("to an address in the ranges that nobody has", (
        Step("web", lambda f: web(f, "nobody"), "drop", "no such endpoint"),
        Step("uplink", lambda f: other(f, "world", "nobody"), "drop", "no such endpoint"),
    )),
    Row("to the world and to the host by the host's stack", (
        Step("web", lambda f: web(f, "world"), "stack", "passed new"),
        Step("web", lambda f: web(f, "host"), "stack", "passed new"),
        Step("web", lambda f: web(f, "router"), "stack", "passed new"),
    )),
    Row("another host by the tunnel, whichever of its addresses", (
        Step("web", lambda f: web(f, "beta_router"), "tunnel", "passed new"),
        Step("web", lambda f: web(f, "beta"), "tunnel", "passed new"),
        Step("web", lambda f: web(f, "beta", tcp(1000, 80, ACK)), "tunnel", "passed established"),
    )),
    Row("what came by the tunnel from another host goes back by it", (
        Step("overlay", lambda f: other(f, "beta", "web"), "web", "passed new", identity=REMOTE),
        Step("web", lambda f: web(f, "beta", tcp(80, 1000, SYN | ACK)), "tunnel", "passed established"),
    )),
    Row("what came by the uplink from another host goes back by it, also after a change", (
        Step("uplink", lambda f: other(f, "beta", "web"), "web", "passed new"),
        Step("web", lambda f: web(f, "beta", tcp(80, 1000, SYN | ACK)), "uplink", "passed established"),
        Change(Rules(db_ingress=())),
        Step("web", lambda f: web(f, "beta", tcp(80, 1000, ACK)), "uplink", "passed again"),
        Step("uplink", lambda f: other(f, "beta", "web", tcp(1000, 80, ACK)), "web", "passed established"),
        Step("overlay", lambda f: other(f, "beta", "web", tcp(1000, 80, ACK)), "web", "passed again",
             identity=REMOTE),
        Step("web", lambda f: web(f, "beta", tcp(80, 1000, ACK)), "tunnel", "passed established"),
    )),
    Row("native mode keeps its way to another host after a change", (
        Step("web", lambda f: web(f, "beta"), "uplink", "passed new"),
        Change(Rules(db_ingress=())),
        Step("uplink", lambda f: other(f, "beta", "web", tcp(80, 1000, SYN | ACK)), "web", "passed again"),
        Step("web", lambda f: web(f, "beta", tcp(1000, 80, ACK)), "uplink", "passed established"),
    ), native=True),
    Row("native mode has no tunnel", (
        Step("web", lambda f: web(f, "far"), "uplink", "passed new"),
        Step("uplink", lambda f: other(f, "far", "web", tcp(80, 1000, SYN | ACK)), "web", "passed established"),
        Step("web", lambda f: web(f, "far", tcp(1000, 80, ACK)), "uplink", "passed established"),
        Step("web", lambda f: web(f, "db"), "db", "passed new"),
        Step("web", lambda f: web(f, "beta_router"), "uplink", "passed new"),
        Step("web", lambda f: web(f, "world"), "stack", "passed new"),
    ), native=True),
    Row("the last hop is counted", (
        Step("web", lambda f: web(f, "db", ttl=2), "db", "passed new"),
        Step("web", lambda f: web(f, "db", ttl=1), "drop", "ttl exceeded"),
        Step("web", lambda f: web(f, "far", ttl=1), "drop", "ttl exceeded"),
        Step("overlay", lambda f: other(f, "far", "db", ttl=1), "drop", "ttl exceeded"),
        Step("uplink", lambda f: other(f, "world", "db", ttl=1), "drop", "ttl exceeded"),
    )),
    Row("the stack counts its own hops", (
        Step("web", lambda f: web(f, "world", ttl=1), "stack", "passed new"),
        Step("to web", lambda f: other(f, "world", "web", tcp(80, 1000, ACK), ttl=1), "stack", "passed established",
             forwarded=True),
    )),
    Row("the uplink passes what is not netctl's business", (
        Step("uplink", lambda f: other(f, "world", "host"), "stack", "passed other"),
        Step("uplink", lambda f: other(f, "world", "world"), "stack", "passed other"),
        Step("uplink", lambda f: other(f, "beta", "host"), "stack", "passed other"),
        Step("uplink", lambda f: ethernet("ff:ff:ff:ff:ff:ff", "02:00:00:00:00:01", 0x88CC, bytes(50)), "stack",
             "passed other"),
        Step("uplink", lambda f: other(f, "world", "host", bytes(20), 47), "stack", "passed other"),
        Step("to uplink", lambda f: other(f, "host", "world"), "stack", "passed other"),
        Step("to uplink", lambda f: other(f, "world", "world"), "stack", "passed other", forwarded=True),
    )),
    Row("an endpoint's address does not leave the overlay", (
        Step("to uplink", lambda f: other(f, "web", "world"), "drop", "not masqueraded", forwarded=True),
        Step("to uplink", lambda f: other(f, "web", "world", bytes(20), 132), "drop", "not masqueraded",
             forwarded=True),
    )),
    Row("but in a reply to who used it", (
        Step("to uplink", lambda f: other(f, "web", "world"), "stack", "passed other", forwarded=True, mark=0x200,
             out_mark=0x200),
    )),
    Row("the host is not locked out, whatever address it uses", (
        Step("to uplink", lambda f: other(f, "router", "world"), "stack", "passed other"),
    )),
    Row("native mode routes endpoint addresses", (
        Step("to uplink", lambda f: other(f, "web", "far"), "stack", "passed other", forwarded=True),
    ), native=True),
    Row("a peer that moves to another host is followed in one store", (
        Step("web", lambda f: web(f, "far"), "tunnel", "passed new"),
        Change(Rules(without=("far",))),
        Step("web", lambda f: web(f, "far", tcp(1000, 80, ACK)), "drop", "no such endpoint"),
        Change(Rules(identities={"far": FAR + 1})),
        Step("web", lambda f: web(f, "far", tcp(1000, 80, ACK)), "tunnel", "passed again"),
        Step("overlay", lambda f: other(f, "far", "web", tcp(80, 1000, ACK)), "web", "passed established",
             identity=FAR + 1),
    )),
    Row("a relabelled endpoint speaks under its new identity", (
        Step("web", lambda f: web(f, "db"), "db", "passed new"),
        Change(Rules(identities={"web": WEB + 9}, db_ingress=((WEB + 9, TCP, 80, 80, True, 4),))),
        Step("web", lambda f: web(f, "db", tcp(1000, 80, ACK)), "db", "passed again"),
        Step("db", lambda f: db(f, "web", tcp(80, 1000, ACK)), "web", "passed established"),
    ), rules=Rules(db_ingress=((WEB, TCP, 80, 80, True, 3),))),
)  # fmt: skip


@pytest.mark.parametrize(**cases(ROWS))
def test_a_packet_goes_where_it_should(overlay: Datapath, native: Datapath, row: Row, family: Family) -> None:
    check(native if row.native else overlay, row, family)


def test_before_the_first_generation_endpoints_are_silent_and_the_host_is_reachable(overlay: Datapath) -> None:
    overlay.reset({})
    maps.store(overlay.maps["generation"], 0)
    assert overlay.run("from_endpoint", web(IPV4, "db").frame()).counted == (("no tables", "egress"),)
    assert overlay.run("to_endpoint", other(IPV4, "host", "web").frame()).counted == (("no tables", "ingress"),)
    assert overlay.run_tunnelled(other(IPV4, "far", "web").frame(), IPV4.beta, FAR).verdict == "drop"
    assert overlay.run("from_uplink", other(IPV4, "world", "host").frame()).verdict == "pass"
    assert overlay.run("to_uplink", other(IPV4, "host", "world").frame()).verdict == "pass"
