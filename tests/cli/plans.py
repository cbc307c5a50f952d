"""Plans to render, as data: small kinds of our own, so that a golden file changes only when the renderer does."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Address
from typing import Any, Optional

from state.change import Action, Change
from state.kinds.kind import Kind
from state.plan import HostPlan, Plan
from state.policy.verdicts import Entry, Outcome, Policy
from state.problem import Problem, Source
from state.traffic import Flow, Participants, PortRange, Region, Traffic


@dataclass(frozen=True)
class Sysctl:
    """A value with a single field."""

    value: str


@dataclass(frozen=True)
class Device:
    """A value with several fields, one of which cannot change in place."""

    type: str
    mtu: int
    port: Optional[int] = None
    up: bool = True


@dataclass(frozen=True)
class Peer:
    """A map entry."""

    identity: int
    via: Optional[IPv4Address] = None


class Sysctls(Kind[Sysctl]):
    """Values of /proc/sys."""

    name, value = "sysctl", Sysctl


class Devices(Kind[Device]):
    """Network devices."""

    name, value, fixed = "device", Device, frozenset({"type", "port"})


class Peers(Kind[Peer]):
    """Map entries."""

    name, value = "peer", Peer


class Policies(Kind[Policy]):
    """Compiled policies."""

    name, value = "policy", Policy


KINDS: tuple[Kind[Any], ...] = (Sysctls(), Devices(), Peers(), Policies())


def at(number: int, file: str = "netctl.yaml") -> Source:
    """A line of the manifest."""
    return Source(file, number, 3)


def entry(peer: str, port: int, outcome: Outcome = Outcome.ALLOW) -> Entry:
    """One line of a compiled policy."""
    return Entry(peer, "TCP", port, port, outcome, 7)


FORWARDING = Change("sysctl", "net/ipv4/ip_forward", Action.UPDATE, Sysctl("0"), Sysctl("1"), at(3))
OVERLAY = Change("device", "nc-overlay", Action.CREATE, None, Device("vxlan", 1450, 8472), at(8))
SHRUNK = Change("device", "nc-0001", Action.UPDATE, Device("veth", 1500), Device("veth", 1450), at(52))
MOVED = Change("device", "nc-overlay", Action.REPLACE, Device("vxlan", 1450, 4789), Device("vxlan", 1400, 8472), at(8))
GONE = Change("peer", "10.42.7.9", Action.DELETE, Peer(65999, IPv4Address("203.0.113.12")), None)
WIDER = Change(
    "policy",
    "ingress/65999",
    Action.UPDATE,
    Policy(False, (entry("any", 80), entry("66000", 5432))),
    Policy(False, (entry("any", 80), entry("any", 443), entry("66000", 5432, Outcome.DENY))),
    at(12, "policies/data.yaml"),
)
FRESH = Change(
    "policy", "egress/65999", Action.CREATE, None, Policy(False, (entry("any", 53), entry("any", 80))), at(9)
)

UNREACHABLE = Problem("host gamma cannot be reached", "Connection refused by 203.0.113.13 port 22.", "host gamma")
IN_THE_WAY = Problem("device nc-0001 exists and is not netctl's", "Remove or rename it.", "device nc-0001", at(52))
RP_FILTER = Problem("rp_filter of eth0 is strict", "", "host beta", severity="warning")


def labelled(app: str, *names: str, total: int = 0) -> Participants:
    """Endpoints of one identity."""
    labels = (f"k8s:app={app}", "k8s:io.kubernetes.pod.namespace=shop")
    return Participants("endpoints", labels, tuple(f"shop/{name}" for name in names), total or len(names))


def span(protocol: str, first: int, last: int = 0) -> PortRange:
    """Some ports."""
    return PortRange(protocol, first, last or first)


WEB, DB = labelled("web", "web-1", "web-2"), labelled("db", "db-1")
EVERYTHING = (
    *(span(protocol, 0, 65535) for protocol in ("TCP", "UDP", "SCTP")),
    span("ICMP", 0, 255),
    span("ICMPV6", 0, 255),
)
MANY = tuple(labelled(f"job-{number}", f"job-{number}-a", f"job-{number}-b") for number in range(5))
OUTSIDE = Participants("world", regions=(Region("10.0.0.0/8", ("10.1.0.0/16", "10.2.0.0/16")), Region("2001:db8::/32")))
ANYWHERE = Participants("world", regions=(Region("0.0.0.0/0"), Region("::/0")))
FLOWS = (
    Flow((WEB,), (DB,), (span("TCP", 5433),), True, rules=(at(23, "policies/web.yaml"), at(8, "policies/data.yaml"))),
    Flow(
        (*MANY, Participants("remote-node")), (DB,), tuple(span(name, 53, 60) for name in ("TCP", "UDP", "SCTP")), True
    ),
    Flow((labelled("web", "web-1", "web-2", total=1000),), (ANYWHERE,), EVERYTHING, True, certain=False),
    Flow((WEB,), (DB,), (span("TCP", 5432),), False, rules=tuple(at(line) for line in range(22, 27))),
    Flow((OUTSIDE,), (WEB,), (span("TCP", 80), span("ICMP", 8)), False),
    Flow((DB,), (Participants("host"), WEB), (span("UDP", 0, 65535),), False, families=(6,)),
)

PLANS = {
    "nothing": Plan("shop", (HostPlan("alpha", unchanged=41), HostPlan("beta", unchanged=38))),
    "everything": Plan(
        "shop",
        (
            HostPlan("alpha", (FORWARDING, OVERLAY, SHRUNK, WIDER, FRESH), 12),
            HostPlan("beta", (MOVED, GONE), 40, ("shop/db-1",), (RP_FILTER,)),
            HostPlan("delta", unchanged=51),
        ),
    ),
    "one host away": Plan(
        "shop",
        (HostPlan("alpha", unchanged=41), HostPlan("gamma", problems=(UNREACHABLE,), exit_code=4)),
        (Problem("assertion 3 selects nothing", "", "", at(60), severity="warning"),),
    ),
    "traffic": Plan(
        "shop",
        (HostPlan("alpha", (WIDER,), 12),),
        traffic=Traffic(FLOWS, ("shop/web-3",), ("10.42.7.9", "10.42.7.10"), ("beta", "gamma")),
    ),
    "no verdict": Plan("shop", (HostPlan("alpha", (GONE,), 12),), traffic=Traffic()),
    "in the way": Plan("shop", (HostPlan("alpha", (OVERLAY,), 3, problems=(IN_THE_WAY,)),)),
}
