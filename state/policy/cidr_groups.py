"""BOTH SIDES: reading CiliumCIDRGroup documents: lists of address blocks that rules refer to by name or by label."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from state.policy import blocks, metadata, selectors
from state.policy.labels import Labels
from state.policy.node import Node, suggestion
from state.policy.rules import IpNetwork

KIND = "CiliumCIDRGroup"


@dataclass(frozen=True)
class CidrGroup:
    """The blocks of one document, and its own labels: `cidrGroupSelector` asks them."""

    labels: Labels
    networks: tuple[IpNetwork, ...]


Groups = Mapping[str, CidrGroup]
"""All groups of a manifest, by name."""


def read(documents: Iterable[Node]) -> Groups:
    """The groups among the documents. One with a mistake in it is a group, too: who refers to it is not wrong."""
    return {node.document.name: _group(node) for node in documents if node.document.kind == KIND}


def _group(node: Node) -> CidrGroup:
    labels = Labels(f"k8s:{key}={value}" for key, value in metadata.labels(node).items())
    node.mapping(("apiVersion", "kind", "metadata", "spec"), {})
    spec = node.get("spec")
    if spec is not None and not spec.mapping(("externalCIDRs",), {}):
        return CidrGroup(labels, ())
    if spec is None or not spec.keys:
        (spec or node).wrong(
            f"{KIND} {node.document.name} has no externalCIDRs",
            "A group is its list of address blocks, under `spec.externalCIDRs`.",
        )
    written = None if spec is None else spec.get("externalCIDRs")
    if written is None:
        return CidrGroup(labels, ())
    if written.value == []:
        written.warn(
            f"{KIND} {node.document.name} is empty", "A rule that refers to it alone allows and denies nobody."
        )
    found = [blocks.network(item) for item in written.items()]
    return CidrGroup(labels, tuple(network for network in found if network is not None))


def meant(node: Node, groups: Groups) -> Sequence[IpNetwork]:
    """The blocks of the groups that an item refers to, by `cidrGroupRef` or `cidrGroupSelector`."""
    return [network for group in _chosen(node, groups) for network in group.networks]


def _chosen(node: Node, groups: Groups) -> Sequence[CidrGroup]:
    named, selecting = node.get("cidrGroupRef"), node.get("cidrGroupSelector")
    if named is not None and (name := named.text()) is not None:
        if name in groups:
            return [groups[name]]
        named.wrong(
            f"there is no {KIND} `{name}`{suggestion(name, groups)}",
            f"Groups of the manifest: {', '.join(sorted(groups)) or 'none'}.",
        )
    if selecting is None or (selector := selectors.read(selecting, ())) is None:
        return []
    found = [group for group in groups.values() if selector.matches(group.labels)]
    if not found:
        selecting.warn(f"a selector matches no {KIND} of the manifest", f"No group has {selector}: it means nobody.")
    return found
