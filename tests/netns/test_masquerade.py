"""Who leaves the cluster's addresses leaves under the host's: real packets, seen where they arrive."""

from __future__ import annotations

import socket

import pytest

from state.host.netlink import inside
from tests.kinds.towns import apply, cluster
from tests.netns.conftest import Town, needs_nftables

WORLD = {socket.AF_INET: "203.0.113.200", socket.AF_INET6: "2001:db8::200"}
BETA = {socket.AF_INET: "203.0.113.12", socket.AF_INET6: "2001:db8::c"}
HOST = {socket.AF_INET: "203.0.113.11", socket.AF_INET6: "2001:db8::b"}
ENDPOINT = {socket.AF_INET: "10.42.1.5", socket.AF_INET6: "fd42:0:0:1::5"}


@pytest.fixture
def web(town: Town) -> str:
    """An endpoint on the host; the far end of the uplink has the addresses of the world and of another host."""
    needs_nftables()
    far = town.name("far")
    for address in [*WORLD.values(), *BETA.values()]:
        length = 64 if ":" in address else 24
        town.run(f"ip address add {address}/{length} dev eth0 {'nodad' if length == 64 else ''}", far)
    town.run("ip route add 10.42.0.0/16 via 203.0.113.11; ip route add fd42::/48 via 2001:db8::b", far)
    web = town.name("web")
    apply(town.kernel, cluster(endpoints={web: "alpha"}))
    return web


def arrives_from(town: Town, web: str, family: socket.AddressFamily, target: str, kind: socket.SocketKind) -> str:
    """The source that the far end sees of what the endpoint sends there."""
    with inside(town.name("far")):
        server = socket.socket(family, kind)
    with inside(web):
        client = socket.socket(family, kind)
    with server, client:
        server.settimeout(5)
        client.settimeout(5)
        server.bind((target, 0))
        if kind is socket.SOCK_DGRAM:
            client.sendto(b"hello", server.getsockname())
            return str(server.recvfrom(16)[1][0])
        server.listen()
        client.connect(server.getsockname())
        accepted, source = server.accept()
        accepted.close()
        return str(source[0])


@pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_INET6])
@pytest.mark.parametrize("kind", [socket.SOCK_DGRAM, socket.SOCK_STREAM])
def test_the_world_sees_the_host(town: Town, web: str, family: socket.AddressFamily, kind: socket.SocketKind) -> None:
    assert arrives_from(town, web, family, WORLD[family], kind) == HOST[family]


@pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_INET6])
@pytest.mark.parametrize("kind", [socket.SOCK_DGRAM, socket.SOCK_STREAM])
def test_another_host_sees_the_endpoint(
    town: Town, web: str, family: socket.AddressFamily, kind: socket.SocketKind
) -> None:
    assert arrives_from(town, web, family, BETA[family], kind) == ENDPOINT[family]
