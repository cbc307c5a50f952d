"""What else runs on a host and may bite."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from state.facts import Scope
from state.host import surroundings
from state.host.facts import version
from state.host.files import has_module
from state.kernel import Address, Link, Route, Rule
from state.naming import PROTOCOL
from tests.fake_kernel import FakeKernel


def write(root: Path, name: str, text: str = "") -> str:
    """A file below a root that stands for a host's `/`; the root."""
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return f"{root}/"


def link(name: str, **given: object) -> Link:
    """A device."""
    return Link(name, 1, "", up=True, mtu=1500, mac="02:00:00:00:00:01", **given)  # type: ignore[arg-type]


def test_networkd_that_does_not_run_is_not_mentioned(tmp_path: Path) -> None:
    assert list(surroundings.networkd(f"{tmp_path}/")) == []


@pytest.mark.parametrize(
    ("settings", "warned"),
    [
        ("", "ManageForeignRoutes and ManageForeignRoutingPolicyRules"),
        ("[Network]\nManageForeignRoutes=no\n", "ManageForeignRoutingPolicyRules"),
        ("[Network]\nManageForeignRoutes=no\nManageForeignRoutingPolicyRules=no\n", None),
        ("[Network]\n#ManageForeignRoutes=no\nManageForeignRoutingPolicyRules=false\n", "ManageForeignRoutes"),
    ],
)
def test_networkd_that_removes_foreign_routes_is(tmp_path: Path, settings: str, warned: str | None) -> None:
    write(tmp_path, "run/systemd/netif/links/2")
    root = write(tmp_path, "etc/systemd/networkd.conf.d/10-netctl.conf", settings)
    said = list(surroundings.networkd(root))
    assert [sentence.split(" on: ")[0] for sentence in said] == (
        [f"systemd-networkd runs with {warned}"] if warned else []
    )


def test_network_manager_is_to_leave_our_devices_alone(tmp_path: Path) -> None:
    root = write(tmp_path, "run/NetworkManager/devices/2")
    assert "set `unmanaged-devices=interface-name:nc-*`" in next(surroundings.network_manager(root))
    write(tmp_path, "etc/NetworkManager/conf.d/n.conf", "[keyfile]\nunmanaged-devices=interface-name:nc-*\n")
    assert list(surroundings.network_manager(root)) == []


def test_strict_reverse_path_filtering_bites_where_there_are_two_ways() -> None:
    links = [link("eth0", rp_filter=1), link("eth1"), link("nc-0001", marks=("netctl.a.b",), rp_filter=1)]
    addresses = [
        Address("", device, address, 24, 0) for device, address in (("eth0", "192.0.2.1"), ("nc-0001", "10.0.0.1"))
    ]
    scope = Scope((), ())
    said = [
        text for text in surroundings.warnings(FakeKernel(), scope, links, addresses, "eth0") if "rp_filter" in text
    ]
    assert said == []
    addresses.append(Address("", "eth1", "198.51.100.1", 24, 0))
    said = [
        text for text in surroundings.warnings(FakeKernel(), scope, links, addresses, "eth0") if "rp_filter" in text
    ]
    assert said[0].startswith("rp_filter is strict on eth0, and 2 devices have addresses")


def test_routes_and_rules_of_others_that_go_before_ours_are_named() -> None:
    kernel = FakeKernel()
    ours, theirs = PROTOCOL, 4
    for destination, protocol in (
        ("10.42.7.0/24", ours), ("10.42.7.0/25", theirs), ("10.42.9.0/24", theirs), ("192.0.2.0/24", theirs),
    ):  # fmt: skip
        kernel.net.put([Route("", destination, "", "", False, "", 0, 0, 254, "blackhole", protocol)])
    for metric, protocol in ((10, theirs), (1024, ours), (2048, theirs)):
        kernel.net.put([Route("", "fd42:0:0:7::/64", "", "", False, "", metric, 0, 254, "blackhole", protocol)])
    rules = ((5, "10.42.7.0/24", theirs), (6, "10.42.7.0/24", ours), (7, "", theirs), (8, "", ours))
    for priority, destination, protocol in rules:
        kernel.net.put([Rule(4, priority, "", destination, 0, 0, "", "", 77, "lookup", protocol)])
    kernel.net.put(
        [
            Rule(4, 9, "", "", 7, 255, "", "", 77, "lookup", theirs),
            Rule(4, 9, "", "", 0, 0, "", "", 254, "lookup", theirs),
        ]
    )
    scope = Scope((), ("10.42.0.0/16", "fd42::/48"))
    said = [text for text in surroundings.warnings(kernel, scope, [], [], "") if "another way" in text]
    assert [text.partition(" is not netctl's")[0] for text in said] == [
        "the route to 10.42.7.0/25",
        "the route to fd42:0:0:7::/64",
        "the routing rule 5 about 10.42.7.0/24",
        "the routing rule 7 about everything",
    ]


def test_another_tunnel_on_our_port_is_named() -> None:
    scope = Scope((), (), tunnel_port=8472)
    links = [Link("flannel.1", 3, "vxlan", up=True, mtu=1450, mac="", port=8472)]
    said = [text for text in surroundings.warnings(FakeKernel(), scope, links, [], "") if "8472" in text]
    assert said == ["UDP port 8472 is used by the VXLAN device flannel.1, which is not netctl's; see network.port"]


@pytest.fixture
def netns() -> Iterator[str]:
    """A network namespace to break."""
    import secrets

    name = f"nct-host-{secrets.token_hex(3)}"
    subprocess.run(["ip", "netns", "add", name], check=True)
    yield name
    subprocess.run(["ip", "netns", "del", name], check=True)


def test_a_forward_chain_that_drops_is_named(netns: str) -> None:
    from state.host.netlink import inside

    rules = "table ip filter { chain FORWARD { type filter hook forward priority 0; policy drop; }\n}\n"
    rules += "table ip filter { chain other { type filter hook forward priority 1; policy accept; }\n}\n"
    subprocess.run(["ip", "netns", "exec", netns, "nft", "-f", "-"], input=rules, text=True, check=True)
    with inside(netns):
        said = [text for text in surroundings.warnings(FakeKernel(), Scope((), ()), [], [], "") if "forwarded" in text]
    assert len(said) == 1
    assert "(ip filter FORWARD)" in said[0]


def test_a_process_on_the_tunnel_port_is_named(netns: str) -> None:
    import socket

    from state.host.netlink import inside

    with inside(netns):
        taken = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        taken.bind(("0.0.0.0", 8472))
        scope = Scope((), (), tunnel_port=8472)
        said = [text for text in surroundings.warnings(FakeKernel(), scope, [], [], "") if "8472" in text]
        taken.close()
    assert said == ["UDP port 8472 is used by a process on the host; tunnels need it; see network.port"]


@pytest.mark.parametrize(
    ("release", "expected"),
    [("6.1.0-18-amd64", (6, 1)), ("6.18.44-fc", (6, 18)), ("5.10.0", (5, 10)), ("6.12-rc1", (6, 12))],
)
def test_kernel_releases_are_compared_by_their_numbers(release: str, expected: tuple[int, int]) -> None:
    assert version(release) == expected


def test_a_module_is_there_when_it_is_loaded_built_in_or_installed(tmp_path: Path) -> None:
    import os

    folder = f"lib/modules/{os.uname().release}"
    root = write(tmp_path, f"{folder}/modules.builtin", "kernel/net/core/thing.ko\n")
    write(tmp_path, f"{folder}/modules.dep", "kernel/drivers/net/vxlan/vxlan.ko.xz: kernel/net/udp.ko\n")
    assert has_module("vxlan", root)
    assert has_module("thing", root)
    assert not has_module("geneve", root)
    write(tmp_path, "sys/module/geneve/refcnt")
    assert has_module("geneve", root)
