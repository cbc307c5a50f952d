"""What the fake kernel knows of the real one: each sentence is asked of both."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from state.kernel import Address, Kernel, Link, Neighbour, Route, Settings, Thing, Veth, Vxlan
from state.naming import PROTOCOL
from state.problem import HostError
from tests.fake_kernel import FakeKernel
from tests.netns.conftest import Town

VETH = Veth("nc-0001", "0a:6e:00:00:00:01", 1450, "netctl.shop.web", "", "eth0", "0a:6e:0a:2a:01:05")
OWN = Address("", "nc-0001", "10.42.1.1", 32, PROTOCOL)
OWN6 = replace(OWN, address="fd42::1", length=128)
NEIGHBOUR = Neighbour("", "nc-0001", "10.42.1.5", "0a:6e:0a:2a:01:05", True, PROTOCOL)
ROUTE = Route("", "10.42.1.5/32", "nc-0001", "", False, "10.42.1.1", 0, 0, 254, "unicast", PROTOCOL)
ROUTE6 = replace(ROUTE, destination="fd42::5/128", source="", metric=1024)


@pytest.fixture(params=["fake", "real"])
def kernel(request: pytest.FixtureRequest) -> Iterator[Kernel]:
    """A kernel with an uplink eth0, in memory or not."""
    if request.param == "fake":
        fake = FakeKernel()
        fake.add_link("eth0", up=True)
        yield fake
    else:
        town: Town = request.getfixturevalue("town")
        yield town.kernel


@pytest.fixture
def inside(kernel: Kernel) -> Iterator[str]:
    """A namespace of netctl's, with a device nc-0001 that leads there: up, with addresses, a neighbour and routes."""
    name = f"nt{secrets.token_hex(3)}"
    kernel.netns.create(name)
    kernel.net.create(replace(VETH, netns=name))
    kernel.net.configure("eth0", Settings(up=True, link_local=False), name)
    kernel.net.configure("nc-0001", Settings(up=True, link_local=False))
    kernel.net.put([OWN, OWN6, NEIGHBOUR, ROUTE, ROUTE6])
    yield name
    kernel.net.delete("nc-0001")
    kernel.netns.delete(name)


def owned(kernel: Kernel) -> set[object]:
    """Everything with netctl's number."""
    things: list[Thing] = [*kernel.net.addresses(), *kernel.net.neighbours(), *kernel.net.routes()]
    return {thing for thing in things if thing.protocol == PROTOCOL}


def link(kernel: Kernel, name: str, netns: str = "") -> Link:
    """A device by name."""
    return next(item for item in kernel.net.links(netns) if item.name == name)


def test_what_is_put_is_read_as_it_was(kernel: Kernel, inside: str) -> None:
    assert owned(kernel) == {OWN, OWN6, NEIGHBOUR, ROUTE, ROUTE6}


def test_putting_it_again_changes_nothing(kernel: Kernel, inside: str) -> None:
    kernel.net.put([OWN, OWN6, NEIGHBOUR, ROUTE, ROUTE6])
    assert owned(kernel) == {OWN, OWN6, NEIGHBOUR, ROUTE, ROUTE6}


def test_what_is_put_at_once_may_be_much(kernel: Kernel, inside: str) -> None:
    many: list[Thing] = [replace(ROUTE, destination=f"10.{i >> 8}.{i & 255}.0/24", source="") for i in range(2000)]
    kernel.net.put(many)
    assert len(owned(kernel)) == 5 + len(many)
    kernel.net.remove(many)
    assert len(owned(kernel)) == 5


def test_removing_what_is_gone_is_fine(kernel: Kernel, inside: str) -> None:
    everything: list[Thing] = [ROUTE6, ROUTE, NEIGHBOUR, OWN6, OWN]
    kernel.net.remove(everything)
    kernel.net.remove(everything)
    kernel.net.remove([replace(OWN, device="nc-0009"), replace(OWN, netns=f"{inside}x")])
    kernel.net.delete("nc-0009")
    kernel.netns.delete(f"{inside}x")
    assert owned(kernel) == set()


def test_both_ends_of_a_new_pair_are_marked_and_down(kernel: Kernel, inside: str) -> None:
    other = f"{inside}b"
    kernel.netns.create(other)
    kernel.net.create(replace(VETH, name="nc-0002", netns=other, mark="netctl.shop.db"))
    here, there = link(kernel, "nc-0002"), link(kernel, "eth0", other)
    kernel.netns.delete(other)
    assert (here.marks, here.up, here.peer_netns, here.peer_index) == (("netctl.shop.db",), False, other, there.index)
    assert (there.marks, there.up, there.peer_index) == (("netctl.shop.db",), False, here.index)
    assert there.mac == VETH.peer_mac


def test_a_device_whose_mark_another_has_is_not_made(kernel: Kernel, inside: str) -> None:
    with pytest.raises(HostError, match=r"mark netctl\.shop\.web of device nc-0002.*File exists"):
        kernel.net.create(replace(VETH, name="nc-0002", netns=inside, peer="eth1"))
    assert "nc-0002" not in {item.name for item in kernel.net.links()}


def test_a_tunnel_takes_its_keys_from_packets(kernel: Kernel) -> None:
    kernel.net.create(Vxlan("nc-overlay", "0a:6e:00:00:00:02", 1450, "netctl.overlay", 8472))
    made = link(kernel, "nc-overlay")
    assert (made.type, made.external, made.port, made.mtu, made.marks) == (
        "vxlan",
        True,
        8472,
        1450,
        ("netctl.overlay",),
    )


def test_a_second_device_of_one_name_is_refused(kernel: Kernel, inside: str) -> None:
    with pytest.raises(HostError, match=r"device nc-0001.*File exists"):
        kernel.net.create(replace(VETH, netns=inside))


def test_a_device_takes_its_other_end_and_all_it_carries(kernel: Kernel, inside: str) -> None:
    kernel.net.delete("nc-0001")
    assert "eth0" not in {item.name for item in kernel.net.links(inside)}
    assert owned(kernel) == set()


def test_a_namespace_takes_the_devices_that_lead_there(kernel: Kernel, inside: str) -> None:
    kernel.netns.delete(inside)
    for _ in range(1000):  # the real one takes a namespace down in its own time
        if "nc-0001" not in {item.name for item in kernel.net.links()}:
            break
    assert owned(kernel) == set()


def test_a_device_that_goes_down_keeps_its_ipv4_address_alone(kernel: Kernel, inside: str) -> None:
    kernel.net.configure("nc-0001", Settings(up=False))
    assert owned(kernel) == {OWN}


def test_another_hardware_address_forgets_neighbours(kernel: Kernel, inside: str) -> None:
    kernel.net.configure("nc-0001", Settings(mac="0a:6e:00:00:00:99"))
    assert owned(kernel) == {OWN, OWN6, ROUTE, ROUTE6}


def test_an_address_takes_the_ipv4_routes_that_send_from_it(kernel: Kernel, inside: str) -> None:
    more = replace(OWN, address="10.42.1.2")
    kernel.net.put([more])
    kernel.net.remove([OWN, OWN6])
    assert owned(kernel) == {more, NEIGHBOUR, ROUTE6}


def test_the_last_address_takes_ipv4_routes_and_neighbours_of_its_device(kernel: Kernel, inside: str) -> None:
    kernel.net.put([replace(ROUTE, source="")])
    kernel.net.remove([OWN])
    assert owned(kernel) == {OWN6, ROUTE6}


def test_a_route_needs_a_device_that_is_up(kernel: Kernel, inside: str) -> None:
    kernel.net.configure("nc-0001", Settings(up=False))
    with pytest.raises(HostError, match=r"route 10.42.1.5/32.*Network is down"):
        kernel.net.put([replace(ROUTE, source="")])


def test_a_route_needs_a_device_that_is_there(kernel: Kernel) -> None:
    with pytest.raises(HostError, match="there is no device nc-0001"):
        kernel.net.put([ROUTE])


def test_a_route_needs_a_source_that_is_there(kernel: Kernel, inside: str) -> None:
    with pytest.raises(HostError, match=r"route 10\.42\.1\.6/32.*prefsrc"):
        kernel.net.put([replace(ROUTE, destination="10.42.1.6/32", source="10.42.1.77")])


def test_forwarding_sets_every_device(kernel: Kernel) -> None:
    kernel.sysctl.write("net/ipv4/ip_forward", "1")
    kernel.sysctl.write("net/ipv6/conf/all/forwarding", "1")
    assert all(item.forwarding_ipv4 and item.forwarding_ipv6 for item in kernel.net.links())
    assert kernel.sysctl.read("net/ipv4/conf/eth0/forwarding") == "1"
    kernel.sysctl.write("net/ipv6/conf/all/forwarding", "0")
    assert not any(item.forwarding_ipv6 for item in kernel.net.links())


def test_settings_of_a_device_are_read_as_they_were_set(kernel: Kernel, inside: str) -> None:
    kernel.net.configure("nc-0001", Settings(mtu=1300, rp_filter=2, accept_ra=0, ipv6=True, link_local=False))
    seen = link(kernel, "nc-0001")
    assert (seen.mtu, seen.rp_filter, seen.accept_ra, seen.ipv6, seen.link_local) == (1300, 2, 0, True, False)
    assert kernel.sysctl.read("net/ipv4/conf/nc-0001/rp_filter") == "2"
    kernel.net.configure("eth0", Settings(accept_ra=2, ipv6=False, link_local=True, mark="netctl.more"), inside)
    there = link(kernel, "eth0", inside)
    assert (there.accept_ra, there.ipv6, there.link_local) == (2, False, True)
    assert set(there.marks) == {VETH.mark, "netctl.more"}


def test_a_namespace_of_netctls_is_marked(kernel: Kernel, inside: str) -> None:
    assert inside in kernel.netns.owned()
    kernel.netns.create(inside)
    assert [name for name in kernel.netns.names() if name == inside] == [inside]


def test_a_name_that_leads_nowhere_hides_no_other(kernel: Kernel, inside: str) -> None:
    dangling = Path(f"/run/netns/{inside}-gone")
    dangling.symlink_to("/proc/4194305/ns/net")
    try:
        assert inside in kernel.netns.names()
        assert dangling.name not in kernel.netns.names()
    finally:
        dangling.unlink()


def test_originals_are_kept_as_they_were_first(kernel: Kernel) -> None:
    kernel.originals.remember("sysctl", {"a": "1"})
    kernel.originals.remember("sysctl", {"a": "2", "b": "3"})
    assert kernel.originals.recall("sysctl") == {"a": "1", "b": "3"}
    kernel.originals.forget()
    assert kernel.originals.recall("sysctl") == {}
    kernel.originals.forget()


def test_the_way_to_an_address_is_the_most_special_route(kernel: Kernel, inside: str) -> None:
    found = kernel.net.route_to("10.42.1.5")
    assert found is not None
    assert found.device == "nc-0001"
    assert kernel.net.route_to("198.51.100.1") is None
