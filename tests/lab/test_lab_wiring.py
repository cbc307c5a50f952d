"""Who gets which address in the lab. Pure."""

from __future__ import annotations

import dataclasses
from ipaddress import IPv4Address, IPv4Network, IPv6Address

import pytest

from inventory.lab.wiring import MARK, wire
from state.manifest import Manifest, Underlay
from tests.lab.towns import host, manifest


def test_hosts_keep_the_addresses_of_the_manifest_and_get_those_it_does_not_give() -> None:
    wiring = wire(
        manifest(
            host("alpha", "203.0.113.11", Underlay(IPv4Address("203.0.113.11"), IPv6Address("2001:db8::11"))),
            host("beta", "203.0.113.12", port=2222),
            host("gamma", "gamma.example.net"),
        )
    )
    alpha, beta, gamma = wiring.hosts["alpha"], wiring.hosts["beta"], wiring.hosts["gamma"]
    assert alpha.addresses == ("203.0.113.11/24", "2001:db8::11/64")
    assert alpha.gateways == ("203.0.113.254", "2001:db8::fe")
    assert (alpha.ssh_address, alpha.ssh_port, alpha.device) == ("203.0.113.11", 22, "eth0")
    assert beta.addresses[0] == "203.0.113.12/24"
    assert beta.addresses[1].startswith("fd6e:6574:6374::")
    assert beta.ssh_port == 2222
    assert gamma.addresses[0].startswith("198.18.")
    assert gamma.ssh_address == gamma.addresses[0].partition("/")[0]


def test_the_address_of_ssh_and_that_of_tunnels_may_differ() -> None:
    second = Underlay(IPv4Address("10.0.0.11"), device="ens3")
    machine = wire(manifest(host("alpha", "203.0.113.11", second))).hosts["alpha"]
    assert machine.addresses[:2] == ("203.0.113.11/24", "10.0.0.11/24")
    assert (machine.ssh_address, machine.device) == ("203.0.113.11", "ens3")


def test_a_chosen_address_does_not_move_when_another_host_comes() -> None:
    one = wire(manifest(host("gamma", "gamma.example.net")))
    two = wire(manifest(host("beta", "beta.example.net"), host("gamma", "gamma.example.net")))
    assert one.hosts["gamma"] == two.hosts["gamma"]


def test_the_world_has_what_assertions_name_and_nobody_else_has() -> None:
    pairs = (("203.0.113.200", "alpha"), ("home/guest", "2001:db8:fa::20"), ("203.0.113.11", "10.42.0.9"))
    world = wire(manifest(host("alpha", "203.0.113.11"), asserted=pairs)).world
    assert set(world.addresses) >= {"203.0.113.254/24", "203.0.113.200/32", "2001:db8:fa::20/128"}
    assert not any(address.startswith(("203.0.113.11/", "10.42.")) for address in world.addresses)


def test_the_router_does_not_take_an_address_that_somebody_has() -> None:
    wiring = wire(manifest(host("alpha", "203.0.113.254"), asserted=(("203.0.113.253", "alpha"),)))
    assert wiring.hosts["alpha"].gateways[0] == "203.0.113.252"


@pytest.mark.parametrize(
    ("given", "address", "expected"),
    [
        ("10.42.0.0/16", "10.43.0.5", "10.43.0.5/24"),
        ("10.43.0.128/25", "10.43.0.5", "10.43.0.5/25"),
        ("198.18.0.0/16", "a.example.net", "198.19."),
    ],
)
def test_no_network_of_the_lab_covers_the_range_of_the_endpoints(given: str, address: str, expected: str) -> None:
    made: Manifest = manifest(host("alpha", address))
    made = dataclasses.replace(made, ranges=dataclasses.replace(made.ranges, ipv4=IPv4Network(given)))
    assert wire(made).hosts["alpha"].addresses[0].startswith(expected)


def test_marked_packets_of_the_world_find_the_host_of_a_slice() -> None:
    alpha = dataclasses.replace(host("alpha", "203.0.113.11"), slice_ipv4=IPv4Network("10.42.1.0/24"))
    assert wire(manifest(alpha)).world.routes == ("10.42.1.0/24 via 203.0.113.11",)
    assert MARK == 110
