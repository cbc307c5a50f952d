"""DATA: what the nodes of an assertion say: its ends, which may be selectors or lists, and its ports."""

from __future__ import annotations

from typing import Optional

from schemas.documents import part
from schemas.positions import Node
from state.manifest import Assertion, End, PortRange
from state.policy import selectors
from state.policy.labels import Selector
from state.policy.node import root
from state.problem import Problem


def assertion(node: Node) -> Assertion:
    """The assertion that a node says. What is wrong in it is left out: whoever raises for it has found it already."""
    return Assertion(
        origins=_ends(node.fields.get("from")),
        targets=_ends(node.fields.get("to")),
        ports=tuple(_range(port.text) for port in port_nodes(node)),
        expect=node.fields["expect"].text,
        source=node.place,
    )


def end_nodes(node: Optional[Node]) -> list[Node]:
    """The nodes of one or several ends."""
    if node is None:
        return []
    return node.items if isinstance(node.value, list) else [node]


def port_nodes(node: Node) -> list[Node]:
    """The nodes of an assertion's port or ports."""
    one, several = node.fields.get("port"), node.fields.get("ports")
    return ([] if one is None else [one]) + ([] if several is None else several.items)


def selector(node: Node) -> tuple[Optional[Selector], list[Problem]]:
    """The selector that a node says, None where it is wrong, and what is wrong with it."""
    problems: list[Problem] = []
    found = selectors.read(root(part(node, "selector", "of an assertion"), problems), selectors.SOURCES)
    return found, problems


def _ends(node: Optional[Node]) -> tuple[End, ...]:
    found = [selector(item)[0] if isinstance(item.value, dict) else item.text for item in end_nodes(node)]
    return tuple(end for end in found if end is not None)


def _range(text: str) -> PortRange:
    """`80/TCP` or `8000-8010/TCP` as a value."""
    numbers, _, protocol = text.partition("/")
    first, _, last = numbers.partition("-")
    return PortRange(protocol, int(first), int(last or first))
