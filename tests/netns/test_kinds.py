"""The kinds on the real kernel: applied, planned again, drifted, repaired, destroyed."""

from __future__ import annotations

import json
import socket
import struct
import time
from typing import Any

import pytest

from state.change import Action
from state.cluster import Cluster
from state.host.destroy import leave
from state.host.netlink import inside
from state.host.questions import same
from state.plan import for_removal
from state.problem import errors
from tests.kinds.towns import KINDS_HERE, apply, carry_out, cluster, observed, plan, shown
from tests.memory import remembered
from tests.netns.conftest import Town, needs_nftables


def two_endpoints(town: Town, **changed: Any) -> Cluster:
    """Two endpoints on this host, one on the other."""
    where = {town.name("a"): "alpha", town.name("b"): "alpha", town.name("c"): "beta"}
    return cluster(endpoints=where, **changed)


@pytest.mark.parametrize("mode", ["overlay", "native"])
@pytest.mark.parametrize("families", ["4", "6", "46"])
def test_after_apply_nothing_is_left_to_do(town: Town, mode: str, families: str) -> None:
    wanted = two_endpoints(town, mode=mode, families=families)
    assert apply(town.kernel, wanted).changes
    assert shown(plan(town.kernel, wanted).changes) == []


def test_files_of_netctl_are_never_read_by_a_plan(town: Town) -> None:
    wanted = two_endpoints(town)
    apply(town.kernel, wanted)
    for path in (town.folder / "netctl").iterdir():
        path.unlink()
    assert shown(plan(town.kernel, wanted).changes) == []


CHANGES: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    ("another mode", {"mode": "native"}, {}),
    ("back to the first mode", {}, {"mode": "native"}),
    ("another tunnel port", {}, {"port": 4789}),
    ("a family more", {"families": "4"}, {}),
    ("a family less", {}, {"families": "6"}),
    ("a host more", {"hosts": ("alpha", "beta")}, {"hosts": ("alpha", "beta", "gamma")}),
]


@pytest.mark.parametrize(("before", "after"), [case[1:] for case in CHANGES], ids=[case[0] for case in CHANGES])
def test_one_state_after_another_is_the_other_state(town: Town, before: dict[str, Any], after: dict[str, Any]) -> None:
    apply(town.kernel, two_endpoints(town, **before))
    wanted = two_endpoints(town, **after)
    apply(town.kernel, wanted)
    assert shown(plan(town.kernel, wanted).changes) == []


def test_an_endpoint_that_takes_over_the_namespace_of_another_is_whole(town: Town) -> None:
    apply(town.kernel, cluster(endpoints={town.name("a"): "alpha", town.name("b"): "alpha"}))
    wanted = cluster(endpoints={town.name("b"): "alpha"})
    apply(town.kernel, wanted)
    assert shown(plan(town.kernel, wanted).changes) == []


def test_undoing_the_changes_in_reverse_is_the_state_before(town: Town) -> None:
    before = two_endpoints(town)
    apply(town.kernel, before)
    made = apply(town.kernel, two_endpoints(town, mode="native", families="4"))
    carry_out(town.kernel, tuple(change.undo() for change in reversed(made.changes)))
    assert shown(plan(town.kernel, before).changes) == []


DRIFTS = {
    "a deleted route": ("ip route del 10.42.1.5/32", ["+ route 10.42.1.5/32"]),
    "a deleted IPv6 route": ("ip -6 route del fd42:0:0:2::/64", ["+ route fd42:0:0:2::/64"]),
    "a changed MTU": ("ip link set nc-0005 mtu 1300", ["~ device nc-0005"]),
    "a changed tunnel MTU": ("ip link set nc-overlay mtu 1300", ["~ device nc-overlay"]),
    "forwarding off": ("sysctl -qw net.ipv4.ip_forward=0", ["~ sysctl net.ipv4.ip_forward"]),
    "accept_ra off guard": ("sysctl -qw net.ipv6.conf.eth0.accept_ra=1", ["~ sysctl net.ipv6.conf.eth0.accept_ra"]),
    "a neighbour's other address": (
        "ip neigh replace 10.42.1.5 lladdr 02:00:00:00:00:99 dev nc-0005 nud permanent protocol 110",
        ["~ neighbour nc-0005 10.42.1.5"],
    ),
    "strict reverse path": ("sysctl -qw net.ipv4.conf.nc-0005.rp_filter=1", ["~ device nc-0005"]),
    "a route of netctl's that nobody wants": (
        "ip route add 10.42.9.0/24 dev nc-overlay proto 110",
        ["- route 10.42.9.0/24"],
    ),
    "a rule of netctl's that nobody wants": (
        "ip rule add from 10.42.0.0/16 lookup 100 priority 99 protocol 110",
        ["- rule ipv4 99 from 10.42.0.0/16 lookup 100"],
    ),
    "an edited masquerade": ("nft flush chain inet netctl postrouting", ["~ masquerade inet netctl"]),
    "a masquerade with something more": (
        "nft add rule inet netctl postrouting counter accept",
        ["~ masquerade inet netctl"],
    ),
    "a removed masquerade": ("nft delete table inet netctl", ["+ masquerade inet netctl"]),
}


@pytest.mark.parametrize(("command", "expected"), DRIFTS.values(), ids=DRIFTS.keys())
def test_drift_is_seen_and_repaired(town: Town, command: str, expected: list[str]) -> None:
    if "masquerade" in expected[0]:
        needs_nftables()
    wanted = two_endpoints(town)
    apply(town.kernel, wanted)
    memory = remembered(lambda: plan(town.kernel, wanted))
    town.run(command)
    assert not same(memory), "by memory there would be no drift"
    assert shown(plan(town.kernel, wanted).changes) == expected
    apply(town.kernel, wanted)
    assert shown(plan(town.kernel, wanted).changes) == []


@pytest.mark.parametrize(
    "command",
    [
        "ip link del nc-0005", "ip link del nc-overlay", "ip link set nc-overlay down", "ip link set nc-0005 down",
        "ip link set nc-0005 address 02:00:00:00:00:77", "ip address flush dev nc-overlay",
        "ip link property del dev nc-0006 altname netctl.shop.web-6 && ip link del nc-0006",
    ],
)  # fmt: skip
def test_drift_that_takes_more_with_it_is_repaired_at_once(town: Town, command: str) -> None:
    wanted = two_endpoints(town)
    apply(town.kernel, wanted)
    town.run(command)
    assert plan(town.kernel, wanted).changes
    apply(town.kernel, wanted)
    assert shown(plan(town.kernel, wanted).changes) == []


def test_a_tunnel_of_somebody_else_on_the_port_is_told_before_anything_is_made(town: Town) -> None:
    town.run("ip link add vx9 type vxlan external dstport 8472")
    made = plan(town.kernel, two_endpoints(town))
    assert [problem.summary for problem in errors(made.problems)] == [
        "device vx9 has the tunnel's UDP port, 8472, and is not netctl's"
    ]
    town.run("ip link del vx9; ip link add vx9 type vxlan external dstport 4790")
    assert apply(town.kernel, two_endpoints(town)).changes


def test_drift_inside_an_endpoint_is_repaired(town: Town) -> None:
    wanted, inside = two_endpoints(town), town.name("a")
    apply(town.kernel, wanted)
    town.run("ip route del default; ip link set lo down; ip link set eth0 mtu 1280", inside)
    assert shown(plan(town.kernel, wanted).changes) == [
        f"~ netns {inside}", "~ device nc-0005", f"+ route {inside} 0.0.0.0/0",
    ]  # fmt: skip
    apply(town.kernel, wanted)
    assert shown(plan(town.kernel, wanted).changes) == []


OBSTACLES = {
    "a device of that name": ("ip link add nc-overlay type bridge", "device nc-overlay"),
    "an address": ("ip address add 10.42.1.1/24 dev eth0", "address 10.42.1.1"),
    "a route": ("ip route add 10.42.2.0/24 dev eth0", "route 10.42.2.0/24"),
    "a table": ("nft add table inet netctl", "masquerade inet netctl"),
}


@pytest.mark.parametrize(("command", "in_the_way"), OBSTACLES.values(), ids=OBSTACLES.keys())
def test_a_foreign_thing_in_the_way_is_reported(town: Town, command: str, in_the_way: str) -> None:
    if "masquerade" in in_the_way:
        needs_nftables()
    town.run(command)
    made = plan(town.kernel, two_endpoints(town))
    assert not made.applicable
    assert [problem.address for problem in errors(made.problems)] == [in_the_way]


def test_a_foreign_device_in_an_endpoints_place_is_reported(town: Town) -> None:
    taken = town.name("a")
    town.run(f"ip netns add {taken}; ip -n {taken} link add eth0 type bridge")
    made = plan(town.kernel, two_endpoints(town, foreign=(taken,)))
    assert [problem.summary for problem in errors(made.problems)] == [
        f"device eth0 in netns {taken} exists and is not netctl's"
    ]


def test_a_pair_whose_end_on_the_host_was_moved_to_another_namespace_is_reported(town: Town) -> None:
    wanted, inside, other = two_endpoints(town), town.name("a"), town.name("elsewhere")
    apply(town.kernel, wanted)
    town.run(f"ip netns add {other}; ip link set nc-0005 netns {other}")
    found = errors(plan(town.kernel, wanted).problems)
    assert [problem.summary for problem in found] == [
        f"device eth0 in netns {inside} is netctl's, and its other end is not on this host"
    ]
    town.run(found[0].detail.rpartition(": ")[2])
    apply(town.kernel, wanted)
    assert shown(plan(town.kernel, wanted).changes) == []


def test_a_foreign_namespace_is_used_and_left_in_place(town: Town) -> None:
    theirs = town.name("a")
    wanted = two_endpoints(town, foreign=(theirs,))
    waiting = plan(town.kernel, wanted)
    assert waiting.pending == ("shop/web-5",)
    assert not any("nc-0005" in line or theirs in line for line in shown(waiting.changes))
    carry_out(town.kernel, waiting.changes)
    assert shown(plan(town.kernel, wanted).changes) == []

    town.run(f"ip netns add {theirs}")
    apply(town.kernel, wanted)
    assert shown(plan(town.kernel, wanted).changes) == []
    assert plan(town.kernel, wanted).pending == ()

    destroy(town, wanted)
    assert theirs in town.kernel.netns.names()
    assert [link.name for link in town.kernel.net.links(theirs)] == ["lo"]


def test_a_namespace_that_exists_is_not_taken_over(town: Town) -> None:
    theirs = town.name("a")
    town.run(f"ip netns add {theirs}")
    wanted = two_endpoints(town)
    assert f"+ netns {theirs}" not in shown(apply(town.kernel, wanted).changes)
    destroy(town, wanted)
    assert theirs in town.kernel.netns.names()


def test_only_the_marked_is_deleted(town: Town) -> None:
    wanted = two_endpoints(town)
    apply(town.kernel, wanted)
    removal = for_removal(KINDS_HERE, "alpha", observed(town.kernel, wanted))
    town.run("ip link property del dev nc-0005 altname netctl.shop.web-5")
    carry_out(town.kernel, tuple(change for change in removal.changes if change.kind == "device"))
    assert "nc-0005" in {link.name for link in town.kernel.net.links()}


def destroy(town: Town, wanted: Cluster) -> None:
    """Everything of netctl's goes, and the rest of destroy is done."""
    removal = for_removal(KINDS_HERE, "alpha", observed(town.kernel, wanted))
    assert all(change.action is Action.DELETE for change in removal.changes)
    carry_out(town.kernel, removal.changes)
    leave(town.kernel, observed(town.kernel, wanted).found, KINDS_HERE, [str(town.folder / "netctl")])


def snapshot(town: Town) -> dict[str, Any]:
    """All that netctl could have changed, as the usual tools show it."""
    commands = {
        "links": "ip -d -j link", "addresses": "ip -d -j address", "routes": "ip -d -j route show table all",
        "routes6": "ip -6 -d -j route show table all", "rules": "ip -d -j rule", "rules6": "ip -6 -d -j rule",
        "neighbours": "ip -d -j neigh show nud permanent", "qdiscs": "tc -j qdisc", "nft": "nft -j list ruleset",
    }  # fmt: skip
    shown_ = {name: json.loads(town.run(command) or "[]") for name, command in commands.items()}
    lines = town.run(
        "sysctl -a 2>/dev/null | grep '^net.ipv[46]'; ls /run/netns; cat /proc/self/mountinfo"
    ).splitlines()
    noise = ("random", "expires", "valid_life_time", "mtu_expires", "rand", "neigh/default")
    shown_["settings"] = [line for line in lines if not any(word in line for word in noise)]
    return shown_


def test_destroy_leaves_nothing(town: Town) -> None:
    conf = "net.ipv{}.conf.eth0.forwarding=1"
    town.run(f"sysctl -qw {conf.format(4)} net.ipv4.conf.all.accept_redirects=0 {conf.format(6)}")
    before = snapshot(town)
    wanted = two_endpoints(town)
    apply(town.kernel, wanted)
    assert snapshot(town) != before
    destroy(town, wanted)
    assert snapshot(town) == before
    assert not (town.folder / "netctl").exists()


def test_undo_puts_settings_back_also_those_the_kernel_changed_by_itself(town: Town) -> None:
    conf = "net.ipv{}.conf.eth0.forwarding=1"
    town.run(f"sysctl -qw {conf.format(4)} net.ipv4.conf.all.accept_redirects=0 {conf.format(6)}")
    before = snapshot(town)["settings"]
    made = apply(town.kernel, two_endpoints(town))
    carry_out(town.kernel, tuple(change.undo() for change in reversed(made.changes)))
    assert snapshot(town)["settings"] == before


def test_destroy_does_not_change_what_was_on_before(town: Town) -> None:
    town.run("sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1 net.ipv6.conf.eth0.accept_ra=2")
    before = snapshot(town)
    apply(town.kernel, two_endpoints(town))
    destroy(town, two_endpoints(town))
    assert snapshot(town) == before


def test_a_route_by_router_advertisement_survives_apply_and_destroy(town: Town) -> None:
    town.run("sysctl -qw net.ipv6.conf.eth0.accept_ra=1")
    learn_default_route(town)
    wanted = two_endpoints(town)
    apply(town.kernel, wanted)
    assert "proto ra" in town.run("ip -6 route show default")
    destroy(town, wanted)
    assert "proto ra" in town.run("ip -6 route show default")
    assert town.run("sysctl -n net.ipv6.conf.eth0.accept_ra").strip() == "1"


def test_the_kernel_forgets_such_a_route_where_nothing_is_done_about_it(town: Town) -> None:
    town.run("sysctl -qw net.ipv6.conf.eth0.accept_ra=1")
    learn_default_route(town)
    town.run("sysctl -qw net.ipv6.conf.all.forwarding=1")
    assert "proto ra" not in town.run("ip -6 route show default")


def learn_default_route(town: Town) -> None:
    """Let a router at the far end advertise itself, until this host has its route."""
    far = town.name("far")
    town.run("ip address add fe80::1/64 nodad dev eth0", far)
    for _ in range(50):
        with inside(far), socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6) as router:
            router.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_HOPS, 255)
            advertisement = struct.pack("!BBHBBHII", 134, 0, 0, 64, 0, 1800, 0, 0)
            router.sendto(advertisement, ("ff02::1", 0, 0, socket.if_nametoindex("eth0")))
        if "proto ra" in town.run("ip -6 route show default"):
            return
        time.sleep(0.1)
    raise AssertionError("the advertisement was not believed")
