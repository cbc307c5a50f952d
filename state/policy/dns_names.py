"""BOTH SIDES: what rules say of DNS names: `toFQDNs`, rules about DNS, and the names in TLS handshakes."""

from __future__ import annotations

from state.policy.node import Node
from state.policy.shapes import each, fields, written_as

MATCH_NAME = written_as(
    r"(?=.{1,255}$)[-A-Za-z0-9_]+(\.[-A-Za-z0-9_]+)*\.?",
    "a DNS name",
    "A name is at most 255 letters, digits, `-`, `_` and `.`. Patterns with `*` stand under matchPattern.",
)
MATCH_PATTERN = written_as(
    r"(?=.{1,255}$)[-A-Za-z0-9_*]+(\.[-A-Za-z0-9_*]+)*\.?",
    "a pattern of DNS names",
    "A pattern is at most 255 letters, digits, `-`, `_`, `.` and `*`.",
)
_SELECTOR = fields({"matchName": MATCH_NAME, "matchPattern": MATCH_PATTERN})


def _of_rule(node: Node) -> None:
    _SELECTOR(node)
    if isinstance(node.value, dict) and not node.keys:
        node.wrong(f"{node.where} names nothing", "It needs matchName or matchPattern.")


def _of_peer(node: Node) -> None:
    _of_rule(node)
    if node.get("matchName") is not None and node.get("matchPattern") is not None:
        node.wrong(f"{node.where} combines matchName and matchPattern", "Write two items: they are alternatives.")


DNS_RULES = each(_of_rule)
"""What an endpoint may ask a resolver for."""
FQDNS = each(_of_peer)
"""Whom a DNS name means: the addresses it was resolved to."""
SERVER_NAMES = each(
    written_as(
        r"(?=.{1,255}$)(\*{1,2}\.)?[-A-Za-z0-9_]+(\.[-A-Za-z0-9_]+)*",
        "a server name",
        "It is a DNS name; `*.` before it is any one label, `**.` any number of labels.",
    )
)
