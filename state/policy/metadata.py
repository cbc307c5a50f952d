"""BOTH SIDES: reading what a document says about itself: it decides nothing, but for the labels of groups."""

from __future__ import annotations

from collections.abc import Mapping

from state.policy.node import Node

# Written by people or by the API server.
FIELDS = (
    "name", "namespace", "labels", "annotations", "description", "creationTimestamp", "generation",
    "resourceVersion", "uid", "managedFields", "selfLink",
)  # fmt: skip


def labels(document: Node) -> Mapping[str, str]:
    """The document's own labels; what is wrong with its metadata goes to the node's list."""
    metadata = document.get("metadata")
    if metadata is None or not metadata.mapping(FIELDS, {}):
        return {}
    found: dict[str, str] = {}
    for key in ("labels", "annotations"):
        child = metadata.get(key)
        if child is not None and child.mapping((), {}, free=True):
            texts = {name: item.text() for name, item in child.pairs()}
            if key == "labels":
                found = {name: value for name, value in texts.items() if value is not None}
    return found
