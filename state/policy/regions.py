"""BOTH SIDES: the world in regions: addresses whose narrowest block is the same, each with one that stands for all."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from ipaddress import ip_network
from itertools import islice, takewhile
from typing import Optional

from state.policy.parties import IpAddress
from state.policy.rules import IpNetwork

WORLD: tuple[IpNetwork, ...] = (ip_network("0.0.0.0/0"), ip_network("::/0"))


@dataclass(frozen=True)
class Region:
    """What of a block no narrower block has, and an address there."""

    network: IpNetwork
    address: IpAddress


def regions(blocks: Iterable[IpNetwork], inside: Iterable[IpNetwork]) -> Iterator[Region]:
    """The regions that blocks make of the world, the whole world first, without what lies `inside` the cluster."""
    cluster = set(inside)
    for version in (4, 6):
        every = {block for block in (*WORLD, *blocks, *cluster) if block.version == version}
        known = sorted(every, key=lambda block: (int(block.network_address), block.prefixlen))
        found: list[Region] = []
        for place, block in enumerate(known):
            narrower = takewhile(partial(_within, block), islice(known, place + 1, None))
            address = None if any(_within(own, block) for own in cluster) else _free(block, narrower)
            if address is not None:
                found.append(Region(block, address))
        yield from sorted(found, key=lambda region: region.network.prefixlen)


def _within(wider: IpNetwork, block: IpNetwork) -> bool:
    return block.version == wider.version and wider.prefixlen <= block.prefixlen and block.network_address in wider


def _free(block: IpNetwork, taken: Iterable[IpNetwork]) -> Optional[IpAddress]:
    """An address of a block in none of the narrower ones, which are sorted; None where they leave none."""
    place = int(block.network_address)
    for narrower in taken:
        if int(narrower.network_address) > place:
            break
        place = max(place, int(narrower.broadcast_address) + 1)
    return None if place > int(block.broadcast_address) else type(block.network_address)(place)
