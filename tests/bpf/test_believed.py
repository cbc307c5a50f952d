"""Who is believed: every sentence of the design, one packet at a time."""

from __future__ import annotations

import pytest

from tests.bpf.datapath import Datapath
from tests.bpf.packets import ACK, IPV6, SYN, TCP, UDP, ethernet, tcp, udp
from tests.bpf.rows import Row, Step, cases, check, db, other, web
from tests.bpf.world import DB, FAR, HOST, IPV4, REMOTE, WEB, WEB_MAC, WORLD4, Family, Rules, tables

ROWS = (
    Row("an endpoint is believed under its own address", (Step("web", lambda f: web(f, "db"), "db", "passed new"),)),
    Row(
        "an endpoint may not use an address that is not its own",
        (Step("web", lambda f: other(f, "other", "db", source_mac=WEB_MAC), "drop", "forged address"),),
    ),
    Row(
        "an endpoint may not use its neighbour's address",
        (Step("web", lambda f: other(f, "db", "far", source_mac=WEB_MAC), "drop", "forged address"),),
    ),
    Row(
        "an endpoint may not use an outside address",
        (Step("web", lambda f: other(f, "world", "db", source_mac=WEB_MAC), "drop", "forged address"),),
    ),
    Row(
        "an endpoint may not use another hardware address",
        (Step("web", lambda f: other(f, "web", "db", source_mac="02:00:00:00:00:09"), "drop", "forged mac"),),
    ),
    Row("a device that no endpoint is behind", (Step("nobody", lambda f: web(f, "db"), "drop", "unknown device"),)),
    Row(
        "an endpoint that the generation does not know",
        (Step("web", lambda f: web(f, "db"), "drop", "unknown source"),),
        rules=Rules(without=("web",)),
    ),
    Row(
        "an endpoint may not send to the tunnel port of another host",
        (Step("web", lambda f: web(f, "beta", udp(1000, 8472), UDP), "drop", "tunnel port"),),
    ),
    Row(
        "an endpoint may not send to the tunnel port of anybody",
        (Step("web", lambda f: web(f, "world", udp(1000, 8472), UDP), "drop", "tunnel port"),),
    ),
    Row("TCP to the tunnel port's number is nothing special", (
        Step("web", lambda f: web(f, "world", tcp(1000, 8472)), "stack", "passed new"),
    )),
    Row("the overlay believes an endpoint on its host", (
        Step("overlay", lambda f: other(f, "far", "db"), "db", "passed new"),
        Step("overlay", lambda f: other(f, "far", "db"), "db", "passed established"),
    )),
    Row(
        "the overlay refuses an endpoint's address from a host where it does not live",
        (Step("overlay", lambda f: other(f, "far", "db"), "drop", "forged tunnel source", host="world"),),
    ),
    Row("a connection that is established does not make another host its peer", (
        Step("overlay", lambda f: other(f, "far", "db"), "db", "passed new"),
        Step("overlay", lambda f: other(f, "far", "db"), "drop", "forged tunnel source", host="world"),
    )),
    Row(
        "the overlay refuses this host's own endpoint as a source",
        (Step("overlay", lambda f: other(f, "web", "db"), "drop", "forged tunnel source", identity=WEB),),
    ),
    Row("a connection between neighbours is not joined from the overlay", (
        Step("web", lambda f: web(f, "db"), "db", "passed new"),
        Step("overlay", lambda f: other(f, "db", "web", tcp(80, 1000, SYN | ACK)), "drop", "forged tunnel source",
             identity=DB),
    )),
    Row(
        "the overlay refuses an outside address as an inner source",
        (Step("overlay", lambda f: other(f, "world", "db"), "drop", "unknown source"),),
    ),
    Row(
        "the overlay refuses an address in the ranges that nobody has",
        (Step("overlay", lambda f: other(f, "nobody", "db"), "drop", "unknown source"),),
    ),
    Row(
        "the overlay refuses this host's own address as an inner source",
        (Step("overlay", lambda f: other(f, "router", "db"), "drop", "forged tunnel source", identity=REMOTE),),
    ),
    Row(
        "identity host on the wire is refused",
        (Step("overlay", lambda f: other(f, "far", "db"), "drop", "forged identity", identity=HOST),),
    ),
    Row(
        "identity world on the wire is refused",
        (Step("overlay", lambda f: other(f, "far", "db"), "drop", "forged identity", identity=WORLD4),),
    ),
    Row(
        "an endpoint that claims to be a remote host is refused",
        (Step("overlay", lambda f: other(f, "far", "db"), "drop", "forged identity", identity=REMOTE),),
    ),
    Row(
        "a router address that claims to be an endpoint is refused",
        (Step("overlay", lambda f: other(f, "beta_router", "db"), "drop", "forged identity", identity=FAR),),
    ),
    Row("another host's router address is believed as remote-node", (
        Step("overlay", lambda f: other(f, "beta_router", "db"), "db", "passed new", identity=REMOTE),
    )),
    Row("another host's underlay address is believed as remote-node", (
        Step("overlay", lambda f: other(f, "beta", "db"), "db", "passed new", identity=REMOTE),
    )),
    Row("an identity of another generation is no reason to drop", (
        Step("overlay", lambda f: other(f, "far", "db"), "db", "passed new", identity=FAR + 5),
    )),
    Row(
        "the overlay delivers to endpoints of this host only",
        (Step("overlay", lambda f: other(f, "far", "far"), "drop", "no such endpoint"),),
    ),
    Row(
        "the overlay drops what is for an unknown address",
        (Step("overlay", lambda f: other(f, "far", "nobody"), "drop", "no such endpoint"),),
    ),
    Row("the overlay hands what is for this host to its stack", (
        Step("overlay", lambda f: other(f, "far", "router"), "stack", "passed host"),
    )),
    Row(
        "what is for this host is believed no more easily",
        (Step("overlay", lambda f: other(f, "far", "router"), "drop", "forged tunnel source", host="world"),),
    ),
    Row(
        "the uplink refuses another host's endpoint as a source in overlay mode",
        (Step("uplink", lambda f: other(f, "far", "db"), "drop", "forged endpoint"),),
    ),
    Row("a connection through the tunnel is not joined from the uplink", (
        Step("overlay", lambda f: other(f, "far", "db"), "db", "passed new"),
        Step("uplink", lambda f: other(f, "far", "db"), "drop", "forged endpoint"),
    )),
    Row(
        "the uplink refuses a local endpoint as a source",
        (Step("uplink", lambda f: other(f, "web", "db"), "drop", "forged endpoint"),),
    ),
    Row("a connection between neighbours is not joined from the uplink", (
        Step("web", lambda f: web(f, "db"), "db", "passed new"),
        Step("uplink", lambda f: other(f, "db", "web", tcp(80, 1000, SYN | ACK)), "drop", "forged endpoint"),
    )),
    Row(
        "the uplink refuses a source in the ranges that nobody has",
        (Step("uplink", lambda f: other(f, "nobody", "db"), "drop", "forged endpoint"),),
    ),
    Row(
        "the uplink refuses such sources for the host too",
        (Step("uplink", lambda f: other(f, "far", "host"), "drop", "forged endpoint"),),
    ),
    Row(
        "the uplink refuses another host's router address in overlay mode",
        (Step("uplink", lambda f: other(f, "beta_router", "db"), "drop", "forged endpoint"),),
    ),
    Row(
        "the uplink refuses this host's own address as a source to an endpoint",
        (Step("uplink", lambda f: other(f, "host", "db"), "drop", "forged host"),),
    ),
    Row("a connection that the host opened is not joined from the uplink", (
        Step("to db", lambda f: other(f, "host", "db"), "stack", "passed new"),
        Step("uplink", lambda f: other(f, "host", "db"), "drop", "forged host"),
    )),
    Row("the uplink believes another host's underlay address as remote-node", (
        Step("uplink", lambda f: other(f, "beta", "db"), "db", "passed new"),
    )),
    Row("in native mode the uplink believes another host's endpoint", (
        Step("uplink", lambda f: other(f, "far", "db"), "db", "passed new"),
        Step("uplink", lambda f: other(f, "far", "db"), "db", "passed established"),
    ), native=True),
    Row(
        "in native mode the uplink refuses a local endpoint as a source",
        (Step("uplink", lambda f: other(f, "web", "db"), "drop", "forged endpoint"),),
        native=True,
    ),
    Row(
        "in native mode the uplink refuses a source in the ranges that nobody has",
        (Step("uplink", lambda f: other(f, "nobody", "db"), "drop", "forged endpoint"),),
        native=True,
    ),
    Row(
        "in native mode the uplink refuses this host's router address as a source",
        (Step("uplink", lambda f: other(f, "router", "db"), "drop", "forged host"),),
        native=True,
    ),
    Row("identity host is what was generated here", (
        Step("to db", lambda f: other(f, "router", "db"), "stack", "passed new"),
    ), rules=Rules(db_ingress=())),
    Row("identity host is what was generated here, also from an address that nobody knows", (
        Step("to db", lambda f: other(f, "world", "db"), "stack", "passed new"),
    ), rules=Rules(db_ingress=())),
    Row(
        "a forwarded packet is not the host, whatever its source says",
        (Step("to db", lambda f: other(f, "host", "db"), "drop", "forged host", forwarded=True),),
    ),
    Row(
        "a forwarded packet is no endpoint of this host",
        (Step("to db", lambda f: other(f, "web", "db"), "drop", "forged endpoint", forwarded=True),),
    ),
    Row(
        "a forwarded packet is no endpoint of another host",
        (Step("to db", lambda f: other(f, "far", "db"), "drop", "forged endpoint", forwarded=True),),
    ),
    Row(
        "a forwarded packet has no source in the ranges that nobody has",
        (Step("to db", lambda f: other(f, "nobody", "db"), "drop", "forged endpoint", forwarded=True),),
    ),
    Row("a connection of the host is not joined by forwarding", (
        Step("to db", lambda f: other(f, "host", "db"), "stack", "passed new"),
        Step("to db", lambda f: other(f, "host", "db"), "drop", "forged host", forwarded=True),
    )),
    Row("a connection of the host is not joined, whatever address it uses", (
        Step("to db", lambda f: other(f, "world", "db"), "stack", "passed new"),
        Step("uplink", lambda f: other(f, "world", "db"), "drop", "forged host"),
        Step("to db", lambda f: other(f, "world", "db"), "drop", "forged host", forwarded=True),
        Step("to db", lambda f: other(f, "world", "db"), "stack", "passed established"),
    ), rules=Rules(db_ingress=())),
    Row("a connection to another host through the tunnel is not joined from the uplink", (
        Step("web", lambda f: web(f, "beta"), "tunnel", "passed new"),
        Step("uplink", lambda f: other(f, "beta", "web", tcp(80, 1000, SYN | ACK)), "drop", "forged endpoint"),
        Step("web", lambda f: web(f, "beta", tcp(1000, 80, ACK)), "tunnel", "passed established"),
    )),
    Row(
        "the mark of a program means nothing on its way to an endpoint in a namespace of its own",
        (Step("to db", lambda f: other(f, "world", "db"), "drop", "denied by default", forwarded=True, mark=0x100),),
        rules=Rules(db_ingress=()),
    ),
    Row("the host sends into the overlay under its own addresses", (
        Step("to overlay", lambda f: other(f, "router", "far"), "stack", "passed host"),
    )),
    Row(
        "the host sends into the overlay under no other address",
        (Step("to overlay", lambda f: other(f, "world", "far"), "drop", "not from host"),),
    ),
    Row(
        "what the host forwards into the overlay is not the host",
        (Step("to overlay", lambda f: other(f, "router", "far"), "drop", "not from host", forwarded=True),),
    ),
    Row(
        "the overlay has no way to an address that nobody has",
        (Step("to overlay", lambda f: other(f, "router", "nobody"), "drop", "no such endpoint"),),
    ),
    Row("the mark of a program lets its packet through the overlay's own program", (
        Step("to overlay", lambda f: other(f, "web", "far"), "stack", "", mark=0x100, forwarded=True),
    )),
    Row("a mark from outside is cleared on entry, other bits are kept", (
        Step("uplink", lambda f: other(f, "world", "host"), "stack", "passed other", mark=0xA0000F0B),
        Step("web", lambda f: web(f, "world"), "stack", "passed new", mark=0xA0000F0B),
    )),
    Row(
        "an IPv6 header does not carry IPv4 addresses",
        (
            Step("web", lambda f: ethernet("0a:6e:00:00:00:01", WEB_MAC, IPV6, bytes([0x60, 0, 0, 0, 0, 20, TCP, 64])
                 + bytes(10) + b"\xff\xff\x0a\x2a\x00\x02" + bytes(10) + b"\xff\xff\x0a\x2a\x00\x03" + tcp(1, 2)[:20]),
                 "drop", "bad header"),
        ),
        only="IPv6: it is the family that could",
    ),
)  # fmt: skip


@pytest.mark.parametrize(**cases(ROWS))
def test_only_who_may_is_believed(overlay: Datapath, native: Datapath, row: Row, family: Family) -> None:
    check(native if row.native else overlay, row, family)


TUNNEL = (
    Row("a tunnel over IPv6 is read and believed the same way", (
        Step("overlay", lambda f: other(f, "far", "db"), "db", "passed new"),
        Step("overlay", lambda f: other(f, "far", "db"), "db", "passed established"),
        Step("overlay", lambda f: other(f, "far", "db"), "drop", "forged tunnel source", host="world"),
        Step("db", lambda f: db(f, "far", tcp(80, 1000, ACK)), "tunnel", "passed established"),
    )),
)  # fmt: skip


@pytest.mark.parametrize(**cases(TUNNEL))
def test_the_underlay_may_be_ipv6(overlay: Datapath, row: Row, family: Family) -> None:
    check(overlay, row, family, underlay=6)


def test_what_did_not_come_by_a_tunnel_is_dropped(overlay: Datapath) -> None:
    overlay.reset(tables(Rules()))
    outcome = overlay.run("from_overlay", other(IPV4, "far", "db").frame())
    assert (outcome.verdict, outcome.counted) == ("drop", (("no tunnel key", "ingress"),))
