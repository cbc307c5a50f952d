"""BOTH SIDES: reading what documents say of address blocks, alone and with exceptions."""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import ip_network
from typing import Optional

from state.policy.node import Node
from state.policy.rules import Cidr, IpNetwork, lies_inside

Parts = Sequence[tuple[Node, IpNetwork]]
"""Excepted blocks, each with where it is written."""


def network(node: Node, bare: bool = False) -> Optional[IpNetwork]:
    """An address block, `10.0.0.0/8`; `bare`: an address alone is allowed too."""
    text = node.text()
    if text is None:
        return None
    try:
        if "%" in text or ("/" not in text and not bare) or not text.rpartition("/")[2].lstrip("/").strip():
            raise ValueError
        if "/" in text and not text.rpartition("/")[2].isdigit():
            raise ValueError
        found = ip_network(text, strict=False)
    except ValueError:
        node.wrong(f"`{text}` is not an address block", "It is written like 10.0.0.0/8 or fd00::/8.")
        return None
    if "/" in text and found.network_address.exploded != _address(text):
        node.warn(
            f"`{text}` means {found}", "The bits after the prefix length are not compared. Write the block itself."
        )
    return found


def _address(text: str) -> str:
    return ip_network(text.partition("/")[0]).network_address.exploded


def exceptions(node: Node) -> Optional[Parts]:
    """What is written under `except`; None where something there is no block."""
    written = node.get("except")
    read = [(item, network(item)) for item in ([] if written is None else written.items())]
    found = [(item, part) for item, part in read if part is not None]
    return found if len(found) == len(read) else None


def within(parts: Parts, whole: IpNetwork) -> bool:
    """Whether all exceptions lie inside the block; a problem at the first that does not."""
    for item, part in parts:
        if not lies_inside(part, whole):
            item.wrong(f"{part} does not lie inside {whole}", "`except` takes something out of `cidr`.")
            return False
    return True


def ip_block(node: Node) -> Optional[Cidr]:
    """The `ipBlock` of a NetworkPolicy. It means endpoints, too."""
    if not node.mapping(("cidr", "except"), {}):
        return None
    cidr = node.get("cidr")
    if cidr is None:
        node.wrong(f"{node.where} needs a cidr")
        return None
    whole, parts = network(cidr), exceptions(node)
    if whole is None or parts is None or not within(parts, whole):
        return None
    for item, part in parts:
        if part == whole:
            item.wrong(f"{part} is the whole of {whole}", "Kubernetes wants `except` to be smaller than `cidr`.")
            return None
    return Cidr(whole, tuple(part for _, part in parts), endpoints=True)
