"""Clusters and facts for the tests of kinds: small, whole, and changed by keyword."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import Any, Optional

from state.change import Change
from state.cluster import Cluster, Endpoint, Host
from state.facts import Device, Facts, Features
from state.host import facts as host_facts
from state.host.apply import steps
from state.kernel import Kernel
from state.kinds import KINDS
from state.kinds.kind import Kind
from state.manifest import Network, Ranges, Ssh, Underlay
from state.naming import PROTOCOL, is_mark
from state.plan import HostPlan, Observation, for_host, scope
from state.problem import Source
from tests.fake_kernel import FakeKernel

BPF_FREE = ("sysctl", "netns", "device", "link", "address", "neighbour", "route", "rule", "masquerade")
KINDS_HERE: tuple[Kind[Any], ...] = tuple(kind for kind in KINDS if kind.name in BPF_FREE)
FEATURES = Features(tcx=True, btf=True, jit=True, vxlan=True, nft=True, ringbuf=True)
_SOURCE = Source("netctl.yaml", 1)


def host(name: str, number: int, families: str) -> Host:
    """A host with the slices 10.42.NUMBER.0/24 and fd42:0:0:NUMBER::/64, at 203.0.113.(10 + NUMBER)."""
    underlay = Underlay(IPv4Address(f"203.0.113.{10 + number}"), IPv6Address(f"2001:db8::{10 + number:x}"))
    ipv4 = IPv4Network(f"10.42.{number}.0/24") if "4" in families else None
    ipv6 = IPv6Network(f"fd42:0:0:{number}::/64") if "6" in families else None
    return Host(name, number, str(underlay.ipv4), Ssh(), underlay, {}, ipv4, ipv6, Source("netctl.yaml", 10 + number))


def endpoint(own: Host, number: int, netns: str, create: bool = True) -> Endpoint:
    """The endpoint shop/web-NUMBER with the address that ends in NUMBER."""
    ipv4 = None if own.slice_ipv4 is None else own.slice_ipv4[number]
    ipv6 = None if own.slice_ipv6 is None else own.slice_ipv6[number]
    return Endpoint(
        "shop", f"web-{number}", own.name, {}, ("k8s:app=web",), 65536 + number, number, netns, {}, ipv4, ipv6,
        Source("netctl.yaml", 100 + number), create,
    )  # fmt: skip


def cluster(
    hosts: tuple[str, ...] = ("alpha", "beta"),
    endpoints: Optional[Mapping[str, str]] = None,
    mode: str = "overlay",
    families: str = "46",
    port: int = 8472,
    foreign: tuple[str, ...] = (),
    audited: tuple[str, ...] = (),
) -> Cluster:
    """A cluster; `endpoints` are namespaces of endpoints with their hosts, `foreign` those somebody else makes.

    `audited` are the namespaces of audited endpoints.
    """
    made = {name: host(name, number, families) for number, name in enumerate(hosts, 1)}
    spread = enumerate(sorted((endpoints or {}).items()), 5)
    living = [
        replace(endpoint(made[where], number, netns, netns not in foreign), audit=netns in audited)
        for number, (netns, where) in spread
    ]
    ranges = Ranges(
        IPv4Network("10.42.0.0/16") if "4" in families else None, IPv6Network("fd42::/48") if "6" in families else None
    )
    return Cluster(
        "town", 1, Network(mode, "vxlan", port), ranges, made, {}, {item.key: item for item in living}, {}, (), ()
    )


def facts(**changed: Any) -> Facts:
    """The facts of a host with an uplink eth0 at 203.0.113.11/24 and 2001:db8::b/64."""
    uplink = Device("eth0", 2, 1500, True, ("203.0.113.11/24", "2001:db8::b/64"))
    whole = Facts(
        kernel="6.18", python="3.11", boot_id="boot", features=FEATURES, uplink="eth0", uplink_mtu=1500,
        underlay_ipv4=IPv4Address("203.0.113.11"), underlay_ipv6=IPv6Address("2001:db8::b"),
        devices={"eth0": uplink}, present=frozenset(), foreign_netns=frozenset(),
    )  # fmt: skip
    return replace(whole, **changed)


def gathered(kernel: Kernel, uplink: str = "eth0") -> Facts:
    """The facts that kinds need, from a kernel."""
    found = [item for item in kernel.net.addresses() if item.protocol != PROTOCOL]
    devices = {
        link.name: Device(
            link.name, link.index, link.mtu, link.up,
            tuple(f"{item.address}/{item.length}" for item in found if item.device == link.name), link.accept_ra,
        )
        for link in kernel.net.links()
        if not any(map(is_mark, link.marks))
    }  # fmt: skip
    present = frozenset(kernel.netns.names())
    mtu = devices[uplink].mtu if uplink in devices else 1500
    features = replace(FEATURES, nft=isinstance(kernel, FakeKernel) or host_facts.probe(tcx=True).nft)
    return facts(
        features=features,
        devices=devices,
        present=present,
        foreign_netns=present - frozenset(kernel.netns.owned()),
        uplink_mtu=mtu,
    )


def observed(kernel: Kernel, town: Cluster, name: str = "alpha") -> Observation:
    """What a host says of itself."""
    looked = scope(town, name)
    return Observation(gathered(kernel), {kind.name: kind.observe(kernel, looked) for kind in KINDS_HERE})


def plan(kernel: Kernel, town: Cluster, name: str = "alpha") -> HostPlan:
    """What is to be done on a host."""
    return for_host(KINDS_HERE, town, name, observed(kernel, town, name))


def carry_out(kernel: Kernel, changes: tuple[Change, ...]) -> None:
    """Make the changes as the agent does."""
    for kind, part in steps(KINDS_HERE, changes):
        kind.apply(kernel, part)


def apply(kernel: Kernel, town: Cluster, name: str = "alpha") -> HostPlan:
    """Plan and do it; the plan."""
    made = plan(kernel, town, name)
    assert made.applicable, made.problems
    carry_out(kernel, made.changes)
    return made


def shown(changes: tuple[Change, ...]) -> list[str]:
    """Changes as lines."""
    return [f"{change.action.value} {change.kind} {change.address}" for change in changes]
