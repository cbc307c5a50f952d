"""BOTH SIDES: reading `fromCIDRSet` and `toCIDRSet`: blocks written out or kept in groups, without exceptions."""

from __future__ import annotations

from state.policy import blocks, cidr_groups
from state.policy.blocks import Parts
from state.policy.cidr_groups import Groups
from state.policy.node import Node
from state.policy.rules import Cidr, IpNetwork, lies_inside

WAYS = ("cidr", "cidrGroupRef", "cidrGroupSelector")


def read(node: Node, groups: Groups) -> tuple[Cidr, ...]:
    """One item of a set; () where it is wrong, or means nobody."""
    if not node.mapping((*WAYS, "except"), {}):
        return ()
    chosen = [key for key in WAYS if node.get(key) is not None]
    if len(chosen) > 1 or not set(node.keys) - {"except"}:
        said = f"combines {' and '.join(chosen)}" if chosen else "names no addresses"
        node.wrong(f"{node.where} {said}", f"An item has one of {', '.join(WAYS)}.")
    parts, cidr = blocks.exceptions(node), node.get("cidr")
    if cidr is None:
        networks = cidr_groups.meant(node, groups)
        return tuple(_without(network, parts or ()) for network in networks if not _covered(network, parts or ()))
    whole = blocks.network(cidr)
    if whole is None or parts is None or not blocks.within(parts, whole):
        return ()
    return (Cidr(whole, tuple(part for _, part in parts)),)


def _covered(network: IpNetwork, parts: Parts) -> bool:
    return any(lies_inside(network, part) for _, part in parts)


def _without(network: IpNetwork, parts: Parts) -> Cidr:
    """A block of a group: of the exceptions, which hold for every block of the item, those that lie in it."""
    return Cidr(network, tuple(part for _, part in parts if lies_inside(part, network)))
