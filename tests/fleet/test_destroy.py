"""destroy leaves every host exactly as it was found."""

from __future__ import annotations

from collections.abc import Generator

import pytest

from tests.fleet.look import changed, look_at_all
from tests.fleet.town import Town

ADVERTISE = """
import socket, struct, sys
with socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6) as raw:
    raw.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_HOPS, 255)
    raw.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_IF, socket.if_nametoindex("eth0"))
    raw.sendto(struct.pack("!BBHBBHII", 134, 0, 0, 64, 0, int(sys.argv[1]), 0, 0), ("ff02::1", 0))
"""
ADVERTISED = "ip -6 route show default proto ra"


def test_a_host_is_as_it_was_found(bare: Town) -> None:
    before = look_at_all(bare)
    bare.apply()
    assert changed(before, look_at_all(bare))
    bare.passes()
    bare.destroy()
    left = changed(before, look_at_all(bare))
    assert not left, left


def test_what_netctl_overwrote_gets_its_old_value_back(bare: Town) -> None:
    odd = "net.ipv4.ip_forward=1 net.ipv4.conf.eth0.forwarding=0 net.ipv6.conf.eth0.accept_ra=0"
    usual = "net.ipv4.ip_forward=0 net.ipv6.conf.eth0.accept_ra=1"
    bare.on("alpha", f"sysctl -qw {odd}; ip netns add web-1; ip -n web-1 link set lo up")
    before = look_at_all(bare)
    try:
        bare.apply()
        bare.destroy()
        left = changed(before, look_at_all(bare))
        assert not left, left
    finally:
        bare.on("alpha", f"ip netns del web-1; sysctl -qw {usual}")


def test_an_agent_that_died_leaves_nothing_that_destroy_does_not_find(bare: Town) -> None:
    before = look_at_all(bare)
    bare.apply()
    for host in bare.hosts:
        bare.on(host, "rm -rf /run/netctl")
    bare.destroy()
    left = changed(before, look_at_all(bare))
    assert not left, left


@pytest.fixture
def advertised(bare: Town) -> Generator[Town]:
    """Hosts that hold a default route because a router advertises it, as in many a data centre."""
    advertise(bare, 1800)
    for host in bare.hosts:
        bare.on(host, f'until [ -n "$({ADVERTISED})" ]; do sleep 0.02; done')
    yield bare
    advertise(bare, 0)


def advertise(town: Town, seconds: int) -> None:
    """One router advertisement, from the world to all hosts."""
    done = town.run("world", "python3", "-c", ADVERTISE, str(seconds))
    assert done.returncode == 0, done.stderr


def test_a_route_that_a_router_advertised_is_held(advertised: Town) -> None:
    before = look_at_all(advertised)
    advertised.apply()
    routes = {host: advertised.on(host, ADVERTISED) for host in advertised.hosts}
    assert all("default via fe80:" in route for route in routes.values())
    advertise(advertised, 900)
    for host in advertised.hosts:
        assert advertised.on(host, "sysctl -n net.ipv6.conf.eth0.accept_ra") == "2\n"
        # A router that went deaf would let the old route expire: this one has heard the new lifetime.
        advertised.on(host, f"until {ADVERTISED} | grep -Eq 'expires (8|900)'; do sleep 0.02; done")
    assert advertised.changes() == []
    advertised.destroy()
    left = changed(before, look_at_all(advertised))
    assert not left, left
    assert all("default via fe80:" in advertised.on(host, ADVERTISED) for host in advertised.hosts)
