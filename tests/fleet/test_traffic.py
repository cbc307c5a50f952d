"""Real sockets over what was applied: endpoints, their own host, other hosts, the world; both modes, both families."""

from __future__ import annotations

from collections.abc import Generator

import pytest

from tests.fleet.conversation import listening, speak
from tests.fleet.town import Town

OPEN = """
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: everything, namespace: shop}
spec: {podSelector: {}, policyTypes: [Ingress, Egress], ingress: [{}], egress: [{}]}
"""
MODES = ("overlay", "native")
PROTOCOLS = ("TCP", "UDP", "ICMP")
WORLD = {4: "198.51.100.20", 6: "2001:db8:fa::20"}
HOSTS = {"alpha": {4: "203.0.113.11", 6: "2001:db8::11"}, "beta": {4: "203.0.113.12", 6: "2001:db8::12"}}
REFUSED = "timed out"


@pytest.fixture(scope="module", params=MODES)
def talking(lab: Town, request: pytest.FixtureRequest) -> Generator[Town]:
    """The hosts in one of the modes, everybody may speak, and everybody answers on port 7."""
    lab.restore()
    (lab.folder / "policies.yaml").write_text(OPEN)
    lab.edit("mode: overlay", f"mode: {request.param}")
    lab.apply()
    with listening(lab, "shop/web-1", "shop/cache-1", "shop/db-1", "alpha", "beta", "world", ports=(7,)):
        yield lab


def address(town: Town, place: str, family: int) -> str:
    """The address of an endpoint, a host or the world."""
    if place in HOSTS:
        return HOSTS[place][family]
    if place == "world":
        return WORLD[family]
    endpoint = town.endpoint(place)
    return str(endpoint.ipv4 if family == 4 else endpoint.ipv6)


PATHS = {
    ("shop/web-1", "shop/cache-1"): "shop/web-1",
    ("shop/web-1", "shop/db-1"): "shop/web-1",
    ("shop/web-1", "alpha"): "shop/web-1",
    ("shop/web-1", "beta"): "shop/web-1",
    ("shop/web-1", "world"): "alpha",
    ("alpha", "shop/web-1"): "router",
    ("alpha", "shop/db-1"): "router",
    ("alpha", "beta"): "alpha",
    ("alpha", "world"): "alpha",
}
"""Who speaks with whom; and as whom the one is seen by the other."""


@pytest.mark.parametrize("family", [4, 6])
@pytest.mark.parametrize("path", PATHS, ids=" to ".join)
def test_everybody_reaches_everybody(talking: Town, path: tuple[str, str], family: int) -> None:
    origin, target = path
    seen = PATHS[path]
    router = talking.cluster.hosts["alpha"].router_ipv4 if family == 4 else talking.cluster.hosts["alpha"].router_ipv6
    expected = str(router) if seen == "router" else address(talking, seen, family)
    there = address(talking, target, family)
    assert speak(talking, origin, "TCP", there, 7, 100_000) == [expected, 100_000]
    assert speak(talking, origin, "UDP", there, 7, 1000) == [expected, 1000]
    assert speak(talking, origin, "ICMP", there, 0, 1000)[1] == 1000


@pytest.mark.parametrize("family", [4, 6])
def test_a_full_packet_fits_through_everywhere(talking: Town, family: int) -> None:
    mtu = 1450 if talking.cluster.network.mode == "overlay" else 1500
    assert f"mtu {mtu} " in talking.on("shop/web-1", "ip link show eth0")
    header = 28 if family == 4 else 48
    for target in ("shop/cache-1", "shop/db-1", "alpha", "beta", "world"):
        there = address(talking, target, family)
        fits = speak(talking, "shop/web-1", "UDP", there, 7, mtu - header, whole=True)
        assert fits[1] == mtu - header, target
        assert speak(talking, "shop/web-1", "ICMP", there, 0, mtu - header, whole=True)[1] == mtu - header, target
        too_long = speak(talking, "shop/web-1", "UDP", there, 7, mtu - header + 1, whole=True)
        assert "Message too long" in too_long, target


FRAGMENTS = """
import json
ip4 = [line.split()[1:] for line in open("/proc/net/snmp") if line.startswith("Ip:")]
ip6 = [line.split() for line in open("/proc/net/snmp6")]
counted = dict(zip(*ip4)) | dict(ip6)
print({name: count for name, count in counted.items() if "Frag" in name or "Reasm" in name})
"""


def fragments(town: Town) -> list[str]:
    """How many packets were cut or put together, on hosts and in endpoints."""
    places = ("alpha", "beta", "shop/web-1", "shop/db-1", "shop/cache-1")
    return [town.on(place, f"python3 -c '{FRAGMENTS}'") for place in places]


@pytest.mark.parametrize("family", [4, 6])
def test_streams_travel_in_packets_that_fit(talking: Town, family: int) -> None:
    before = fragments(talking)
    for origin, target in (("shop/web-1", "shop/db-1"), ("shop/web-1", "shop/cache-1"), ("alpha", "shop/db-1")):
        there = address(talking, target, family)
        assert speak(talking, origin, "TCP", there, 7, 2_000_000)[1] == 2_000_000
    assert speak(talking, "shop/web-1", "TCP", WORLD[family], 7, 2_000_000)[1] == 2_000_000
    assert fragments(talking) == before


@pytest.mark.parametrize("family", [4, 6])
def test_large_datagrams_travel_in_fragments(talking: Town, family: int) -> None:
    for target in ("shop/cache-1", "shop/db-1"):
        there = address(talking, target, family)
        assert speak(talking, "shop/web-1", "UDP", there, 7, 9000) == [address(talking, "shop/web-1", family), 9000]


def test_the_world_finds_nobody_by_an_endpoint_s_address(talking: Town) -> None:
    """It has no route there, and the host believes nobody on its uplink who speaks as an endpoint: see tests/bpf."""
    db = talking.endpoint("shop/db-1")
    assert speak(talking, "world", "UDP", db.ipv4, 7, patience=0.5) != ["198.51.100.20", 8]


def test_a_change_of_mode_and_back_on_running_hosts(town: Town) -> None:
    town.passes()
    town.edit("mode: overlay", "mode: native")
    native = town.changes()
    assert "alpha delete device nc-overlay" in native
    assert "alpha update device nc-0ec9" in native
    town.settle()
    town.passes()
    town.restore()
    town.settle()
    town.passes()
