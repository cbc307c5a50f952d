"""Which device carries a host's underlay, and with which addresses."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address, IPv6Address

import pytest

from state.facts import Scope
from state.host.facts import Uplink, find_uplink
from state.kernel import Address, Link
from tests.fake_kernel import FakeKernel

LINKS = [Link(name, index, "", up=True, mtu=1500, mac="") for index, name in enumerate(("lo", "eth0", "eth1"), 1)]
ADDRESSES = [
    Address("", "lo", "127.0.0.1", 8, 0),
    Address("", "eth0", "192.0.2.1", 24, 0),
    Address("", "eth0", "fe80::1", 64, 0),
    Address("", "eth1", "198.51.100.1", 24, 0),
    Address("", "eth1", "2001:db8::1", 64, 0),
]
SCOPE = Scope((), ())
ETH0 = Uplink("eth0", 1500, IPv4Address("192.0.2.1"), None)
ETH1 = Uplink("eth1", 1500, IPv4Address("198.51.100.1"), IPv6Address("2001:db8::1"))

CASES = [
    ("the manifest names the device", replace(SCOPE, uplink="eth1"), "", ETH1),
    ("the manifest names the address", replace(SCOPE, underlay_ipv4=IPv4Address("198.51.100.1")), "", ETH1),
    ("the connection came to an address", SCOPE, "203.0.113.9 4711 198.51.100.1 22", ETH1),
    ("nothing is known: the first", SCOPE, "", ETH0),
    ("the manifest names a device that is not there", replace(SCOPE, uplink="eth9"), "", Uplink("eth9")),
    (
        "the manifest's address is not on the host, as behind NAT",
        replace(SCOPE, underlay_ipv4=IPv4Address("203.0.113.1")),
        "",
        replace(ETH0, ipv4=IPv4Address("203.0.113.1")),
    ),
]


@pytest.mark.parametrize(("why", "scope", "connection", "expected"), CASES, ids=[case[0] for case in CASES])
def test_the_uplink_is_found(
    why: str, scope: Scope, connection: str, expected: Uplink, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSH_CONNECTION", connection)
    assert find_uplink(FakeKernel(), scope, LINKS, ADDRESSES) == expected


def test_a_host_without_addresses_has_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSH_CONNECTION", "")
    assert find_uplink(FakeKernel(), SCOPE, LINKS, ADDRESSES[:1]) == Uplink("")
