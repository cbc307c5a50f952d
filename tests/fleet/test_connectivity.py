"""What a plan says of traffic is what packets find: tried before and after, precisely the announced flows change."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from ipaddress import ip_address, ip_network
from typing import Any

import pytest

from cli.test import by_packets
from state.cluster import Cluster
from state.manifest import Assertion, PortRange
from state.problem import Source
from tests.fleet.town import BY_ADDRESS, Town

PORTS = [("TCP", 22), ("TCP", 5432), ("TCP", 5433), ("TCP", 6379), ("TCP", 80), ("UDP", 5432), ("ICMP", None)]
WORLD = ("203.0.113.200", "203.0.113.250", "198.51.100.20", "2001:db8:fa::20")
Asked = tuple[str, str, str, int | None, int]
"""Source, destination, protocol, port, IP version."""

OPS = """fromEndpoints: [{matchLabels: {"k8s:io.cilium.k8s.namespace.labels.team": ops}}]"""
HTTPS = """toPorts: [{ports: [{port: "443", protocol: TCP}]}]\n"""
CHANGES: dict[str, list[tuple[str, str, str]]] = {
    "the database moves to another port": [("netctl.yaml", "postgres: 5432/TCP", "postgres: 5433/TCP")],
    "an endpoint gets other labels": [("netctl.yaml", "labels: {app: cache}", "labels: {app: web}")],
    "other hosts come in, and other addresses": [
        ("policies.yaml", OPS, "fromEntities: [remote-node]"),
        ("policies.yaml", "except: [203.0.113.240/28]", "except: [203.0.113.192/29, 203.0.113.200/32]"),
        ("policies.yaml", "toCIDR: [198.51.100.0/24]", 'toCIDR: ["2001:db8::/32"]'),
        ("policies.yaml", HTTPS, HTTPS.replace("443", "80")),
    ],
    "a block means endpoints, in one family": [("policies.yaml", HTTPS, HTTPS + BY_ADDRESS)],
}


def probes(cluster: Cluster) -> tuple[Assertion, ...]:
    """Everybody to everybody, on every port."""
    people = [*cluster.endpoints, *cluster.hosts, *WORLD]
    return tuple(
        Assertion((source,), (target,), on(protocol, port), "allow", Source("netctl.yaml", 1))
        for source in people
        for target in people
        for protocol, port in PORTS
        if source != target and (source in cluster.endpoints or target in cluster.endpoints)
    )


def on(protocol: str, port: int | None) -> tuple[PortRange, ...]:
    """One port; none is an echo request."""
    return () if port is None else (PortRange(protocol, port, port),)


def found_by_packets(town: Town) -> dict[Asked, str]:
    """What packets meet with, wherever the fleet can send them."""
    asked = replace(town.cluster, assertions=probes(town.cluster))
    return {
        (one.origin, one.target, one.protocol, one.port, version): answer.got
        for one, flows in by_packets(town.folder, asked, (), (), lab=True).items()
        for answers in flows
        for version, answer in answers.items()
    }


def announced(traffic: Any, cluster: Cluster, tried: Mapping[Asked, str]) -> dict[Asked, str]:
    """What the plan says will change, of all that was tried."""
    return {asked: flow["after"] for asked in tried for flow in traffic["flows"] if is_about(flow, asked, cluster)}


def is_about(flow: Any, asked: Asked, cluster: Cluster) -> bool:
    """Whether a flow in JSON is about a probe."""
    source, target, protocol, port, version = asked
    if protocol == "ICMP":
        protocol, port = ("ICMP", 8) if version == 4 else ("ICMPV6", 128)
    assert port is not None
    return (
        (not flow["families"] or f"IPv{version}" in flow["families"])
        and any(item["protocol"] == protocol and item["first"] <= port <= item["last"] for item in flow["ports"])
        and any(means(end, source, target, cluster) for end in flow["sources"])
        and any(means(end, target, source, cluster) for end in flow["destinations"])
    )


def means(end: Any, name: str, other: str, cluster: Cluster) -> bool:
    """Whether who is called so takes part."""
    if name in cluster.endpoints:
        return name in end.get("endpoints", ())
    if name in cluster.hosts:
        return bool(end["kind"] == ("host" if cluster.endpoints[other].host == name else "remote-node"))
    return any(_inside(name, region) for region in end.get("regions", ()))


def _inside(address: str, region: Any) -> bool:
    found = ip_address(address)
    return found in ip_network(region["cidr"]) and not any(found in ip_network(part) for part in region["except"])


def changed(before: Mapping[Asked, str], after: Mapping[Asked, str]) -> dict[Asked, str]:
    """The probes that fared otherwise."""
    return {asked: after[asked] for asked in before if before[asked] != after[asked]}


@pytest.mark.parametrize("story", CHANGES)
def test_precisely_the_announced_flows_change(town: Town, story: str) -> None:
    before = found_by_packets(town)
    for file, old, new in CHANGES[story]:
        town.edit(old, new, file)
    traffic = town.plan()["traffic"]
    town.apply()
    after = found_by_packets(town)
    assert set(before.values()) == set(after.values()) == {"allow", "deny"}
    assert traffic["not_asked"] == traffic["arriving"] == traffic["leaving"] == []
    found = changed(before, after)
    assert found
    assert announced(traffic, town.cluster, before) == found
