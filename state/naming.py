"""BOTH SIDES: the names, marks and hardware addresses of what netctl makes; kinds, loader and datapath share them."""

from __future__ import annotations

import hashlib
import ipaddress
from typing import Optional, Union

from state.cluster import Endpoint, Host

Address = Union[ipaddress.IPv4Address, ipaddress.IPv6Address]

PROTOCOL = 110
"""The mark on routes, rules, addresses and neighbours: who made them (0x6e)."""

MARK = "netctl."
"""How every alternative name begins that marks a device as netctl's."""

OWNER = "netctl.owner"
"""The alternative name of `lo` in a network namespace that netctl made."""

PREFIX = "nc-"
OVERLAY = "nc-overlay"
OVERLAY_MARK = "netctl.overlay"
ENDPOINT_DEVICE = "eth0"

BEYOND_IPV4, BEYOND_IPV6, BEYOND_MAC = "169.254.110.110", "fe80::6e", "0a:6e:00:00:00:02"
"""Who stands beyond the tunnel for all other hosts: the next hop of every route through it.

Which host a packet goes to the overlay's program finds out from the packet's own address, and every host takes what
comes out of its tunnel. So two neighbours do for a thousand hosts.
"""

HOST_MAC = "0a:6e:00:00:00:01"
"""The host's end of every endpoint's device: what an endpoint sends to."""

TABLE = "netctl"
"""The nftables table, of family inet."""

PINS = "/sys/fs/bpf/netctl"
STATE_FOLDER = "/var/lib/netctl"
RUN_FOLDER = "/run/netctl"

_LONGEST_MARK = 127


def device(endpoint: Endpoint) -> str:
    """The host's end of the endpoint's device."""
    return f"{PREFIX}{endpoint.id:04x}"


def mark(endpoint: Endpoint) -> str:
    """The alternative name of both ends of the endpoint's device; a long one is cut, and made unique by a digest."""
    text = f"{MARK}{endpoint.namespace}.{endpoint.name}"
    if len(text) <= _LONGEST_MARK:
        return text
    digest = hashlib.sha256(text.encode()).hexdigest()[:16]
    return f"{text[: _LONGEST_MARK - 17]}.{digest}"


def mac(endpoint: Endpoint) -> str:
    """The hardware address of the endpoint's own end, derived from its address."""
    return mac_of(endpoint.ipv4, endpoint.ipv6)


def overlay_mac(host: Host) -> str:
    """The hardware address of a host's tunnel device.

    It must differ between hosts: VXLAN drops a frame that comes from its own address as an echo.
    """
    if host.router_ipv4 is not None:
        return colons(b"\x0a\x6f" + host.router_ipv4.packed)
    packed = b"" if host.router_ipv6 is None else host.router_ipv6.packed
    return colons(b"\x0e\x6f" + hashlib.sha256(packed).digest()[-4:])


def mac_of(ipv4: Optional[ipaddress.IPv4Address], ipv6: Optional[ipaddress.IPv6Address]) -> str:
    """The hardware address for a pair of addresses: 0a:6e and the IPv4 one, else 0e:6e and a digest of the IPv6 one."""
    if ipv4 is not None:
        return colons(b"\x0a\x6e" + ipv4.packed)
    packed = b"" if ipv6 is None else ipv6.packed
    return colons(b"\x0e\x6e" + hashlib.sha256(packed).digest()[-4:])


def colons(packed: bytes) -> str:
    """Six bytes as `0a:6e:...`."""
    return packed.hex(":")


def is_mark(name: str) -> bool:
    """Whether an alternative name marks a device as netctl's."""
    return name.startswith(MARK)
