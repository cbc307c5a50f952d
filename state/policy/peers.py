"""BOTH SIDES: reading whom an entry of a Cilium policy means: endpoints, address blocks, or entities."""

from __future__ import annotations

from typing import Optional

from state.policy import blocks, cidr_sets, selectors
from state.policy.cidr_groups import Groups
from state.policy.labels import ANY_NAMESPACE, NAMESPACE, NAMESPACE_LABELS, Selector, namespace_is
from state.policy.node import Node
from state.policy.rules import Cidr, Peers
from state.policy.unenforced import ENTITIES

ENFORCED = ("Endpoints", "CIDR", "CIDRSet", "Entities")
"""The kinds of peers that netctl enforces, as they follow `from` and `to`."""
EVERY_KIND = (*ENFORCED, "Nodes", "Groups", "Services", "FQDNs")
KNOWN_ENTITIES = (
    "all", "world", "world-ipv4", "world-ipv6", "cluster", "host", "remote-node", "none",
    "health", "init", "ingress", "unmanaged",
)  # fmt: skip
NEVER_THERE = ("health", "init", "ingress", "unmanaged")


def read(node: Node, way: str, groups: Groups) -> Optional[Peers]:
    """Whom the entry means; `way` is `from` or `to`. None where it does not say; an empty list means nobody."""
    given = {name: node.get(f"{way}{name}") for name in ENFORCED}
    items = {name: [] if child is None else child.items() for name, child in given.items()}
    used = [key for kind in EVERY_KIND if (child := node.get(key := f"{way}{kind}")) is not None and child.value != []]
    if len(used) > 1:
        node.wrong(
            f"{node.where} combines {' and '.join(used)}",
            "One entry has one kind of peer, for Cilium too. Write one entry for each: entries are alternatives.",
        )
    found = _found(node, items, groups)
    if all(child is None for child in given.values()):
        return None
    empty = any(child is not None and child.value == [] for child in given.values())
    return Peers() if empty else found


def _found(node: Node, items: dict[str, list[Node]], groups: Groups) -> Peers:
    chosen = [selectors.read(child, selectors.SOURCES) for child in items["Endpoints"]]
    networks = [blocks.network(child, bare=True) for child in items["CIDR"]]
    sets = [block for child in items["CIDRSet"] for block in cidr_sets.read(child, groups)]
    entities = [name for child in items["Entities"] if (name := _entity(child)) is not None]
    return Peers(
        "all" in entities,
        tuple(_scoped(node, selector) for selector in chosen if selector is not None),
        tuple(name for name in entities if name not in ("all", "none")),
        (*(Cidr(network) for network in networks if network is not None), *sets),
    )


def _entity(node: Node) -> Optional[str]:
    if isinstance(node.value, str) and node.value in ENTITIES:
        node.refuse(*ENTITIES[node.value], node.value)
        return None
    name = node.choice(KNOWN_ENTITIES)
    if name in NEVER_THERE:
        node.warn(
            f"nothing in netctl is ever `{name}`", "The entity is one of Cilium's own parts; it selects nothing here."
        )
    return name


def _scoped(node: Node, selector: Selector) -> Selector:
    """A peer selector limited as Cilium limits it: to the policy's namespace, unless it names one or its labels."""
    keys = [item for item in selector.requirements if item.source in ("any", "k8s")]
    if any(item.source == "reserved" for item in selector.requirements) or any(item.key == NAMESPACE for item in keys):
        return selector
    if node.document.kind != "CiliumNetworkPolicy":
        return selector.also(ANY_NAMESPACE)
    if any(item.key.startswith(NAMESPACE_LABELS) for item in keys):
        return selector
    return selector.also(namespace_is(node.document.namespace))
