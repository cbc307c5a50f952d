"""Real sockets over real devices: what test runs cannot show, in both modes and both families."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest

from tests.bpf.wire import Wire, wire
from tests.bpf.world import IPV4, IPV6, WEB, Family, Rules

FAMILIES = pytest.mark.parametrize("f", [IPV4, IPV6], ids=str)
TCP_ONLY = Rules(db_ingress=((WEB, 6, 0, 65535, True, 1),))


@pytest.fixture(scope="module", params=[False, True], ids=["overlay", "native"])
def net(request: pytest.FixtureRequest, objects: None) -> Iterator[Wire]:
    with wire(native=request.param) as made:
        yield made


@pytest.fixture(autouse=True)
def _open(net: Wire) -> None:
    net.decide(Rules())


@FAMILIES
def test_endpoints_reach_each_other(net: Wire, f: Family) -> None:
    for client, server in (("web", "db"), ("web", "far"), ("far", "web")):
        source, destination = getattr(f, client), getattr(f, server)
        assert net.tcp(client, server, source, destination) == source
        assert net.udp(client, server, source, destination) == source
        assert net.udp(client, server, source, destination, size=4000) == source, "in fragments"


@FAMILIES
def test_endpoints_and_their_own_host_reach_each_other(net: Wire, f: Family) -> None:
    for address in (f.router, f.host):
        assert net.tcp("web", "alpha", f.web, address) == f.web
        assert net.udp("web", "alpha", f.web, address, size=4000) == f.web
    assert net.tcp("alpha", "web", f.router, f.web) == f.router
    assert net.udp("alpha", "web", f.host, f.web, size=4000) == f.host


@FAMILIES
def test_a_host_always_reaches_its_own_endpoints(net: Wire, f: Family) -> None:
    net.decide(Rules(db_ingress=(), db_egress=()))
    assert net.tcp("alpha", "db", f.router, f.db) == f.router


@FAMILIES
def test_endpoints_and_other_hosts_reach_each_other(net: Wire, f: Family) -> None:
    assert net.tcp("web", "beta", f.web, f.beta_router) == f.web
    assert net.udp("web", "beta", f.web, f.beta) == f.web
    assert net.tcp("beta", "web", f.beta_router, f.web) == f.beta_router
    assert net.udp("beta", "web", f.beta, f.web) == f.beta


@FAMILIES
def test_what_leaves_for_the_world_is_masqueraded(net: Wire, f: Family) -> None:
    if not net.masquerades:
        pytest.skip("this kernel has no nftables that could masquerade")
    assert net.tcp("web", "outside", f.web, f.world) == f.host
    assert net.udp("web", "outside", f.web, f.world) == f.host


@FAMILIES
def test_the_world_reaches_an_endpoint_by_its_own_address(net: Wire, f: Family) -> None:
    assert net.tcp("outside", "web", f.world, f.web) == f.world
    assert net.udp("outside", "web", f.world, f.web) == f.world
    assert net.udp("outside", "web", f.world, f.web, size=4000) == f.world, "in fragments"


@FAMILIES
def test_errors_come_back(net: Wire, f: Family) -> None:
    net.decide(Rules(web_ingress=()))
    outside = (f.world,) if net.masquerades or net.native else ()  # else nothing gets there
    for destination in (f.db, f.far, f.router, f.beta_router, *outside):
        assert net.is_refused("web", f.web, destination)


@FAMILIES
def test_policy_is_enforced_in_both_places(net: Wire, f: Family) -> None:
    net.decide(TCP_ONLY)
    assert net.tcp("web", "db", f.web, f.db) == f.web
    for client, source in (("web", f.web), ("far", f.far), ("outside", f.world)):
        before = net.counts("alpha", "denied by default")
        assert net.udp(client, "db", source, f.db, size=0) == ""
        assert net.counts("alpha", "denied by default") == before + 1


@FAMILIES
def test_a_change_of_policy_cuts_and_mends_a_live_connection(net: Wire, f: Family) -> None:
    client = net.socket("far", f.far, socket.SOCK_DGRAM)
    server = net.socket("db", f.db, socket.SOCK_DGRAM)
    client.connect(server.getsockname()[:2])
    server.connect(client.getsockname()[:2])
    for sender, receiver in ((client, server), (server, client)):
        sender.send(b"1")
        assert receiver.recv(10) == b"1"
    net.decide(Rules(db_ingress=()))
    before = net.counts("alpha", "denied by default")
    client.send(b"2")
    server.send(b"2")
    assert net.counts("alpha", "denied by default") == before + 2
    net.decide(Rules())
    for sender, receiver in ((client, server), (server, client)):
        sender.send(b"3")
        assert receiver.recv(10) == b"3"


def test_nothing_was_believed_or_dropped_by_mistake(net: Wire) -> None:
    for host in ("alpha", "beta"):
        drops = {reason for (reason, _), count in net.hosts[host].counts().items() if count}
        noise = {"denied by default", "foreign neighbour", "not unicast", "no such endpoint", "not for endpoint"}
        assert not {reason for reason in drops if not reason.startswith("passed")} - noise
