"""Edges: ARP and ND, fragments, options and extension headers, tags, and protocols nobody asked for."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.bpf.datapath import Datapath
from tests.bpf.packets import (
    ACK,
    AUTHENTICATION,
    DESTINATION_OPTIONS,
    GRE,
    HOP_BY_HOP,
    ICMPV6,
    ROUTING,
    SYN,
    TCP,
    UDP,
    VLAN,
    arp,
    ethernet,
    extension,
    icmp,
    solicitation,
    tcp,
    udp,
)
from tests.bpf.rows import Packet, Row, Step, cases, check, dgram, other, web
from tests.bpf.world import DB_MAC, HOST_MAC, WEB, WEB_MAC, Family, Rules

ARP_ONLY = "IPv4: ARP is IPv4's"
ND_ONLY = "IPv6: ND is IPv6's"
OPTIONS_ONLY = "IPv4: options are IPv4's"
HEADERS_ONLY = "IPv6: extension headers are IPv6's"
LONG = udp(1000, 53, bytes(40))


def sent_to(destination: str) -> Packet:
    """web sends there."""
    return lambda f: replace(web(f, "db"), destination=destination)


ROWS = (
    Row("an endpoint may ask for its gateway", (
        Step("web", lambda f: arp(1, f.web, f.router, WEB_MAC), "stack", "passed neighbour"),
        Step("web", lambda f: arp(2, f.web, f.router, WEB_MAC), "stack", "passed neighbour"),
    ), only=ARP_ONLY),
    Row("an endpoint may not ask for another", (
        Step("web", lambda f: arp(1, f.web, f.db, WEB_MAC), "drop", "foreign neighbour"),
        Step("web", lambda f: arp(1, f.web, f.world, WEB_MAC), "drop", "foreign neighbour"),
    ), only=ARP_ONLY),
    Row("an endpoint may not answer for another", (
        Step("web", lambda f: arp(2, f.db, f.router, WEB_MAC), "drop", "forged address"),
        Step("web", lambda f: arp(2, f.web, f.router, DB_MAC, WEB_MAC), "drop", "forged mac"),
        Step("web", lambda f: arp(2, f.web, f.router, WEB_MAC, DB_MAC), "drop", "forged mac"),
        Step("web", lambda f: arp(1, f.web, f.router, WEB_MAC)[:30], "drop", "truncated"),
    ), only=ARP_ONLY),
    Row("a host may ask for its endpoint alone", (
        Step("to web", lambda f: arp(1, f.router, f.web, HOST_MAC), "stack", "passed neighbour"),
        Step("to web", lambda f: arp(1, f.router, f.db, HOST_MAC), "drop", "foreign neighbour"),
        Step("to web", lambda f: arp(1, f.router, f.web, HOST_MAC), "drop", "foreign neighbour", forwarded=True),
    ), only=ARP_ONLY),
    Row("ARP has no place in the overlay", (
        Step("overlay", lambda f: arp(1, f.far, f.db, DB_MAC), "drop", "foreign neighbour"),
    ), only=ARP_ONLY),
    Row("an endpoint may solicit its gateway", (
        Step("web", lambda f: solicitation(f.web, "ff02::1:ff00:1", f.router, WEB_MAC), "stack", "passed neighbour"),
        Step("web", lambda f: solicitation(f.web, f.router, f.web, WEB_MAC, 136), "stack", "passed neighbour"),
    ), only=ND_ONLY),
    Row("an endpoint may solicit nobody else", (
        Step("web", lambda f: solicitation(f.web, "ff02::1:ff00:3", f.db, WEB_MAC), "drop", "foreign neighbour"),
        Step("web", lambda f: solicitation("::", "ff02::1:ff00:3", f.web, WEB_MAC), "drop", "foreign neighbour"),
        Step("web", lambda f: solicitation("fe80::5", "ff02::1:ff00:1", f.router, WEB_MAC), "drop",
             "foreign neighbour"),
        Step("web", lambda f: solicitation(f.web, "ff02::1:ff00:1", f.router, DB_MAC), "drop", "forged mac"),
        Step("web", lambda f: solicitation(f.web, "ff02::1:ff00:1", f.router, WEB_MAC, ttl=64), "drop",
             "foreign neighbour"),
    ), only=ND_ONLY),
    Row("an endpoint may advertise itself to its host alone", (
        Step("web", lambda f: solicitation(f.web, f.db, f.web, WEB_MAC, 136), "drop", "foreign neighbour"),
        Step("web", lambda f: solicitation(f.web, f.router, f.db, WEB_MAC, 136), "drop", "foreign neighbour"),
    ), only=ND_ONLY),
    Row("routers and listeners do not speak here", (
        Step("web", lambda f: web(f, "router", icmp(133), ICMPV6, ttl=255), "drop", "foreign neighbour"),
        Step("web", lambda f: web(f, "router", icmp(134), ICMPV6, ttl=255), "drop", "foreign neighbour"),
        Step("web", lambda f: web(f, "router", icmp(137), ICMPV6, ttl=255), "drop", "foreign neighbour"),
        Step("web", lambda f: web(f, "group", icmp(143), ICMPV6, ttl=1), "drop", "foreign neighbour"),
    ), only=ND_ONLY),
    Row("a host may solicit its endpoint alone", (
        Step("to web", lambda f: solicitation(f.router, "ff02::1:ff00:2", f.web, HOST_MAC), "stack",
             "passed neighbour"),
        Step("to web", lambda f: solicitation(f.router, f.web, f.router, HOST_MAC, 136), "stack", "passed neighbour"),
        Step("to web", lambda f: solicitation(f.router, "ff02::1:ff00:3", f.db, HOST_MAC), "drop",
             "foreign neighbour"),
        Step("to web", lambda f: solicitation(f.router, "ff02::1:ff00:2", f.web, HOST_MAC), "drop",
             "foreign neighbour", forwarded=True),
    ), only=ND_ONLY),
    Row("VLAN tags are dropped", (
        Step("web", lambda f: ethernet(HOST_MAC, WEB_MAC, VLAN, b"\0\5\x08\0" + bytes(60)), "drop", "vlan tag"),
        Step("web", lambda f: ethernet(HOST_MAC, WEB_MAC, 0x88A8, b"\0\5\x08\0" + bytes(60)), "drop", "vlan tag"),
    )),
    Row("unknown ethertypes are dropped", (
        Step("web", lambda f: ethernet(HOST_MAC, WEB_MAC, 0x88CC, bytes(60)), "drop", "unknown ethertype"),
        Step("overlay", lambda f: ethernet(HOST_MAC, WEB_MAC, 0x88CC, bytes(60)), "drop", "unknown ethertype"),
        Step("to web", lambda f: ethernet(WEB_MAC, HOST_MAC, 0x88CC, bytes(60)), "drop", "unknown ethertype"),
    )),
    Row("unknown protocols are dropped", (
        Step("web", lambda f: web(f, "db", bytes(20), GRE), "drop", "unknown protocol"),
        Step("overlay", lambda f: other(f, "far", "db", bytes(20), GRE), "drop", "unknown protocol"),
        Step("uplink", lambda f: other(f, "world", "db", bytes(20), GRE), "drop", "unknown protocol"),
    ), only="IPv4: IPv6 calls it an unknown extension header, next row"),
    Row("the other family's ICMP is an unknown protocol", (
        Step("web", lambda f: web(f, "db", bytes(20), 58 if f.version == 4 else 1), "drop", "unknown protocol"),
    )),
    Row("unknown extension headers are dropped", (
        Step("web", lambda f: web(f, "db", bytes(20), GRE), "drop", "unknown extension"),
        Step("web", lambda f: web(f, "db", first=ROUTING, options=extension(TCP)), "drop", "unknown extension"),
        Step("web", lambda f: web(f, "db", first=AUTHENTICATION, options=extension(TCP)), "drop",
             "unknown extension"),
        Step("overlay", lambda f: other(f, "far", "db", bytes(20), GRE), "drop", "unknown extension"),
    ), only=HEADERS_ONLY),
    Row("known extension headers are walked over", (
        Step("web", lambda f: web(f, "db", first=HOP_BY_HOP, options=extension(TCP)), "db", "passed new"),
        Step("web", lambda f: web(f, "db", tcp(1001, 80), first=DESTINATION_OPTIONS, options=extension(TCP, 16)),
             "db", "passed new"),
        Step("web", lambda f: web(f, "db", tcp(1002, 80), first=HOP_BY_HOP,
                                  options=extension(DESTINATION_OPTIONS) + extension(TCP)), "db", "passed new"),
        Step("web", lambda f: web(f, "db", tcp(1003, 81), first=HOP_BY_HOP, options=extension(TCP)), "drop",
             "denied by default"),
    ), rules=Rules(db_ingress=((WEB, TCP, 80, 80, True, 1),)), only=HEADERS_ONLY),
    Row("the walk is bounded", (
        Step("web", lambda f: web(f, "db", first=HOP_BY_HOP, options=extension(HOP_BY_HOP) * 4 + extension(TCP)),
             "drop", "unknown extension"),
        Step("web", lambda f: web(f, "db", first=HOP_BY_HOP, options=extension(TCP, 256)), "drop",
             "unknown extension"),
    ), only=HEADERS_ONLY),
    Row("options are walked over", (
        Step("web", lambda f: web(f, "db", options=b"\1" * 8), "db", "passed new"),
        Step("web", lambda f: web(f, "db", tcp(1001, 80), options=b"\1" * 40), "db", "passed new"),
        Step("web", lambda f: web(f, "db", tcp(1001, 81), options=b"\1" * 40), "drop", "denied by default"),
    ), rules=Rules(db_ingress=((WEB, TCP, 80, 80, True, 1),)), only=OPTIONS_ONLY),
    Row("headers that are not whole or not right", (
        Step("web", lambda f: web(f, "db", tcp(1, 2)[:12]), "drop", "truncated"),
        Step("web", lambda f: web(f, "db", tcp(1, 2, words=4)), "drop", "bad header"),
        Step("web", lambda f: web(f, "db", tcp(1, 2, words=15)), "drop", "truncated"),
        Step("web", lambda f: web(f, "db", udp(1, 2)[:6], UDP), "drop", "truncated"),
        Step("web", lambda f: web(f, "db", version=5), "drop", "bad header"),
    )),
    Row("what is not unicast is dropped", (
        Step("web", lambda f: web(f, "group"), "drop", "not unicast"),
        Step("to overlay", lambda f: other(f, "router", "group"), "drop", "not unicast"),
    )),
    Row("broadcast, loopback and link-local addresses are not unicast here", tuple(
        Step("web", sent_to(to), "drop", "not unicast")
        for to in ("255.255.255.255", "127.0.0.1", "0.0.0.0", "169.254.1.1")
    ), only="IPv4: the next row has IPv6's"),
    Row("loopback and link-local addresses are not unicast here", tuple(
        Step("web", sent_to(to), "drop", "not unicast")
        for to in ("::1", "::", "fe80::1")
    ), only="IPv6: the row before has IPv4's"),
    Row("fragments remember ports", (
        Step("web", lambda f: web(f, "db", LONG, UDP, more=True), "db", "passed new"),
        Step("web", lambda f: web(f, "db", bytes(8), UDP, more=True, offset=48), "db", "passed established"),
        Step("web", lambda f: web(f, "db", bytes(8), UDP, offset=56), "db", "passed established"),
    ), rules=Rules(db_ingress=((WEB, UDP, 53, 53, True, 1),))),
    Row("fragments of what was dropped are dropped", (
        Step("web", lambda f: web(f, "db", LONG, UDP, more=True), "drop", "denied by default"),
        Step("web", lambda f: web(f, "db", bytes(8), UDP, offset=48), "drop", "fragment unknown"),
    ), rules=Rules(db_ingress=())),
    Row("a fragment of another packet is unknown", (
        Step("web", lambda f: web(f, "db", LONG, UDP, more=True), "db", "passed new"),
        Step("web", lambda f: web(f, "db", bytes(8), UDP, offset=48, identification=8), "drop", "fragment unknown"),
        Step("web", lambda f: web(f, "far", bytes(8), UDP, offset=48), "drop", "fragment unknown"),
        Step("web", lambda f: web(f, "db", bytes(24), TCP, offset=48), "drop", "fragment unknown"),
    )),
    Row("a first fragment has its whole transport header", (
        Step("web", lambda f: web(f, "db", tcp(1, 2)[:16], TCP, more=True), "drop", "fragment short"),
        Step("web", lambda f: web(f, "db", tcp(1, 2, words=10)[:24], TCP, more=True), "drop", "fragment short"),
    )),
    Row("a fragment may not write over the transport header", (
        Step("web", lambda f: web(f, "db", tcp(1000, 80), TCP, more=True), "db", "passed new"),
        Step("web", lambda f: web(f, "db", bytes(16), TCP, offset=8), "drop", "fragment overlap"),
        Step("web", lambda f: web(f, "db", bytes(16), TCP, offset=16), "drop", "fragment overlap"),
    )),
    Row("a fragment may not write over the first one", (
        Step("web", lambda f: web(f, "db", LONG, UDP, more=True), "db", "passed new"),
        Step("web", lambda f: web(f, "db", bytes(16), UDP, offset=40), "drop", "fragment overlap"),
        Step("web", lambda f: web(f, "db", bytes(16), UDP, offset=48), "db", "passed established"),
    )),
    Row("fragments from elsewhere remember ports", (
        Step("overlay", lambda f: other(f, "far", "db", LONG, UDP, more=True), "db", "passed new"),
        Step("overlay", lambda f: other(f, "far", "db", bytes(8), UDP, offset=48), "db", "passed established"),
        Step("overlay", lambda f: other(f, "far", "db", bytes(8), UDP, offset=48), "drop", "forged tunnel source",
             host="world"),
        Step("uplink", lambda f: other(f, "world", "db", LONG, UDP, more=True), "db", "passed new"),
        Step("uplink", lambda f: other(f, "world", "db", bytes(8), UDP, offset=48), "db", "passed established"),
        Step("to db", lambda f: other(f, "host", "db", LONG, UDP, more=True), "stack", "passed new"),
        Step("to db", lambda f: other(f, "host", "db", bytes(8), UDP, offset=48), "stack", "passed established"),
    )),
    Row("fragments of different endpoints do not meet", (
        Step("web", lambda f: web(f, "world", LONG, UDP, more=True), "stack", "passed new"),
        Step("uplink", lambda f: other(f, "web", "world", bytes(8), UDP, offset=48), "drop", "forged endpoint"),
        Step("uplink", lambda f: other(f, "world", "web", bytes(8), UDP, offset=48), "drop", "fragment unknown"),
    )),
    Row("what is on its way to an endpoint is for it", (
        Step("to web", lambda f: other(f, "host", "db"), "drop", "not for endpoint"),
        Step("to web", lambda f: other(f, "world", "group"), "drop", "not for endpoint", forwarded=True),
    )),
    Row("what is not special is not", (
        Step("web", lambda f: web(f, "db", dgram(), UDP), "db", "passed new"),
        Step("web", lambda f: web(f, "db", tcp(1, 2, SYN | ACK)), "db", "passed new"),
    )),
)  # fmt: skip


@pytest.mark.parametrize(**cases(ROWS))
def test_an_edge_is_dropped_by_name(overlay: Datapath, row: Row, family: Family) -> None:
    check(overlay, row, family)
