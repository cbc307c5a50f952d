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
    "in the way": Plan("shop", (HostPlan("alpha", (OVERLAY,), 3, problems=(IN_THE_WAY,)),)),
}
