"""BOTH SIDES: reading selectors: matchLabels and matchExpressions, in the syntax Kubernetes and Cilium insist on."""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Optional

from state.policy.labels import Requirement, Selector
from state.policy.node import Node

SOURCES = ("any", "k8s", "reserved")
OPERATORS = ("In", "NotIn", "Exists", "DoesNotExist")

_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?")
_PREFIX = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*")


def read(node: Node, sources: Collection[str]) -> Optional[Selector]:
    """The selector written here; None where it is wrong. `sources` may stand before a key: none for Kubernetes."""
    before = len(node.problems)
    requirements: list[Requirement] = []
    if node.mapping(("matchLabels", "matchExpressions"), {}):
        labels = node.get("matchLabels")
        if labels is not None and labels.mapping((), {}, free=True):
            requirements += [found for _, child in labels.pairs() for found in _label(child, sources)]
        for child in _list(node, "matchExpressions"):
            requirements += _expression(child, sources)
    return Selector(tuple(requirements)) if len(node.problems) == before else None


def _list(node: Node, key: str) -> list[Node]:
    child = node.get(key)
    return [] if child is None else child.items()


def _label(node: Node, sources: Collection[str]) -> list[Requirement]:
    named = _key(node, str(node.path[-1]), sources)
    value = _value(node)
    return [] if named is None or value is None else [Requirement(*named, "In", (value,))]


def _expression(node: Node, sources: Collection[str]) -> list[Requirement]:
    if not node.mapping(("key", "operator", "values"), {}):
        return []
    key, operator, values = node.get("key"), node.get("operator"), node.get("values")
    if key is None or operator is None:
        node.wrong(f"{node.where} needs a key and an operator", f"Operators: {', '.join(OPERATORS)}.")
        return []
    text, chosen = key.text(), operator.choice(OPERATORS)
    named = None if text is None else _key(key, text, sources)
    items = [] if values is None else values.items()
    if chosen in ("In", "NotIn") and not items:
        node.wrong(f"{node.where}: operator {chosen} needs values")
    if chosen in ("Exists", "DoesNotExist") and items and values is not None:
        values.wrong(f"{node.where}: operator {chosen} takes no values")
    read_values = [_value(item) for item in items]
    if named is None or chosen is None:
        return []
    return [Requirement(*named, chosen, tuple(value for value in read_values if value is not None))]


def _key(node: Node, text: str, sources: Collection[str]) -> Optional[tuple[str, str]]:
    """Source and name of a key; without a prefix any source matches, or `k8s` where prefixes are not allowed at all."""
    source, colon, name = text.partition(":")
    if not colon:
        source, name = ("any" if sources else "k8s"), text
    elif not sources:
        node.wrong(f"`{text}` is not a label key", "Kubernetes label keys have no source before a colon.")
        return None
    elif source not in sources:
        node.refuse(
            f"Labels of source `{source}` do not exist in netctl: it knows `k8s:`, `reserved:` and `any:`.",
            "Select addresses with fromCIDR or toCIDR, and endpoints by their labels.",
        )
        return None
    prefix, slash, short = name.rpartition("/")
    if not _NAME.fullmatch(short) or (slash and not (_PREFIX.fullmatch(prefix) and len(prefix) <= 253)):
        node.wrong(
            f"`{text}` is not a label key",
            "A key is at most 63 letters, digits, `-`, `_` and `.`, beginning and ending with a letter or digit, "
            "optionally after a DNS name and `/`.",
        )
        return None
    return source, name


def _value(node: Node) -> Optional[str]:
    text = node.text()
    if text is None or not text or _NAME.fullmatch(text):
        return text
    node.wrong(
        f"`{text}` is not a label value",
        "A value is empty, or 63 letters, digits, `-`, `_`, `.` at most, with a letter or digit at both ends.",
    )
    return None
