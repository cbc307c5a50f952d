"""What is not netctl's and in its way is reported and never touched; other hosts go on."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from tests.fleet.look import changed, look
from tests.fleet.town import Town


@dataclass(frozen=True)
class Foreign:
    """What somebody made on alpha, how it is called in the report, and how to remove it."""

    make: str
    named: str
    remove: str


CASES = {
    "a device with an endpoint's name": Foreign(
        "ip link add nc-0ec9 type veth peer name other",
        "device nc-0ec9 exists and is not netctl's",
        "ip link del nc-0ec9",
    ),
    "a device with the tunnel's name": Foreign(
        "ip link add nc-overlay type vxlan id 5 dstport 9999 dev eth0",
        "device nc-overlay exists and is not netctl's",
        "ip link del nc-overlay",
    ),
    "a device in an endpoint's place": Foreign(
        "ip netns add web-1; ip link add other type veth peer name eth0 netns web-1",
        "device eth0 in netns web-1 exists and is not netctl's",
        "ip netns del web-1",
    ),
    "the router's address": Foreign(
        "ip address add 10.42.26.1/32 dev eth0",
        "address 10.42.26.1 exists and is not netctl's",
        "ip address del 10.42.26.1/32 dev eth0",
    ),
    "an endpoint's address": Foreign(
        "ip netns add web-1; ip -n web-1 link set lo up; ip -n web-1 address add 10.42.26.180/32 dev lo",
        "address web-1 10.42.26.180 exists and is not netctl's",
        "ip netns del web-1",
    ),
    "a route to another host's slice": Foreign(
        "ip route add 10.42.21.0/24 via 203.0.113.254 dev eth0",
        "route 10.42.21.0/24 exists and is not netctl's",
        "ip route del 10.42.21.0/24",
    ),
    "an IPv6 route to an endpoint": Foreign(
        "ip -6 route add fd42:0:0:b89f::503/128 dev lo",
        "route fd42:0:0:b89f::503/128 exists and is not netctl's",
        "ip -6 route del fd42:0:0:b89f::503/128",
    ),
    "an endpoint's default route": Foreign(
        "ip netns add web-1; ip -n web-1 link set lo up; ip -n web-1 route add default dev lo",
        "route web-1 0.0.0.0/0 exists and is not netctl's",
        "ip netns del web-1",
    ),
    "an nftables table": Foreign(
        "nft add table inet netctl; nft add chain inet netctl mine",
        "masquerade inet netctl exists and is not netctl's",
        "nft delete table inet netctl",
    ),
}


@pytest.fixture(scope="module")
def only_beta(lab: Town) -> Town:
    """Beta as the manifest wants it, and nothing of netctl's on alpha."""
    lab.apply("--host", "beta")
    lab.plan()  # and so the agent is on both
    return lab


@pytest.mark.parametrize("name", CASES)
def test_what_is_in_the_way_is_reported_and_stays(only_beta: Town, name: str) -> None:
    town, foreign = only_beta, CASES[name]
    town.on("beta", "ip link set nc-overlay mtu 1300")
    town.on("alpha", foreign.make)
    try:
        before = {"alpha": look(town, "alpha")}
        planned = town.netctl("plan", "--format", "json")
        assert planned.code == 3
        assert [(item["host"], item["summary"]) for item in planned.json["errors"]] == [("alpha", foreign.named)]
        assert planned.json["errors"][0]["source"]["file"] == "netctl.yaml"
        applied = town.netctl("apply", "--yes")
        assert applied.code == 3, applied.out + applied.err
        assert "alpha: refused, nothing was changed" in applied.out
        assert "beta: applied" in applied.out
        assert foreign.named in applied.err
        odd = changed(before, {"alpha": look(town, "alpha")})
        assert not odd, odd
    finally:
        town.on("alpha", foreign.remove)


def test_a_host_with_something_in_the_way_is_not_what_the_manifest_says(town: Town) -> None:
    """Even where there is nothing that netctl could change."""
    slice_of_beta = town.cluster.hosts["beta"].slice_ipv4
    town.on("alpha", f"ip route replace {slice_of_beta} via 203.0.113.254 dev eth0")
    try:
        planned = town.netctl("plan")
        assert planned.code == 3
        assert planned.out.splitlines()[-2:] == ["No changes on the other hosts.", "Blocked: alpha."]
        status = town.netctl("status")
        assert status.code == 3
        assert "alpha: drifted" in status.out
        assert "1 in sync, 1 drifted, 0 unreachable." in status.out
        assert [host["in_sync"] for host in town.netctl("status", "--format", "json").json["hosts"]] == [False, True]
        assert "Every host is what the manifest says" not in town.netctl("plan", "--format", "markdown").out
    finally:
        town.on("alpha", f"ip route del {slice_of_beta}")
        town.settle()


def test_namespaces_that_somebody_makes_later_hold_up_nobody(town: Town) -> None:
    town.down()
    town.boot()
    town.apply()
    town.on("alpha", "ip netns add other; ip netns del other; ip netns add other")
    town.destroy("--host", "alpha")
    assert town.on("alpha", "ip netns") == "other\n"
    town.on("alpha", "ip netns del other")
    town.settle()


def test_what_is_foreign_survives_destroy_and_does_not_hold_it_up(town: Town) -> None:
    foreign = "ip route add 10.42.77.0/24 via 203.0.113.254; ip -n web-1 address add 192.0.2.1/32 dev eth0; "
    foreign += "nft add table inet other; ip rule add priority 99 lookup main; ip netns add other"
    town.on("alpha", foreign)
    try:
        town.destroy()
        assert "10.42.77.0/24 via 203.0.113.254" in town.on("alpha", "ip route")
        assert town.on("alpha", "nft list tables; ip netns; ip rule show priority 99") == (
            "table inet other\nother\n99:\tfrom all lookup main\n"
        )
    finally:
        town.on("alpha", "ip route del 10.42.77.0/24; nft delete table inet other; ip rule del priority 99")
        town.on("alpha", "ip netns del other")


def test_a_device_whose_mark_was_removed_is_nobody_s_and_stays(town: Town) -> None:
    town.on("alpha", "ip link property del dev nc-0ec9 altname netctl.shop.web-1")
    done = town.netctl("apply", "--yes")
    assert done.code == 3
    assert "device nc-0ec9 exists and is not netctl's" in done.err
    assert "ip link property add dev nc-0ec9 altname netctl.shop.web-1" in done.err
    assert "nc-0ec9" in town.on("alpha", "ip link show nc-0ec9")
    town.on("alpha", "ip link property add dev nc-0ec9 altname netctl.shop.web-1")
    town.settle()
