"""BOTH SIDES: which addresses of a host's slice endpoints may have.

The first address names the slice, the second is the host's own (its endpoints' gateway), the last of IPv4 is broadcast.
"""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import Union

Network = Union[IPv4Network, IPv6Network]
Address = Union[IPv4Address, IPv6Address]


def first_usable(network: Network) -> int:
    """The lowest endpoint address of a slice, as a number."""
    return int(network.network_address) + 2


def last_usable(network: Network) -> int:
    """The highest endpoint address of a slice, as a number."""
    return int(network.broadcast_address) - (1 if network.version == 4 else 0)


def usable(network: Network) -> int:
    """How many endpoints a slice has room for."""
    return max(0, last_usable(network) - first_usable(network) + 1)
