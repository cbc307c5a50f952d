"""BOTH SIDES: what a field must look like, put together from small checks: for fields that are only looked at."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping

from state.policy import selectors
from state.policy.node import Node

Check = Callable[[Node], None]
"""Notes what is wrong with a value, in the list of its node."""


def fields(known: Mapping[str, Check], required: Collection[str] = ()) -> Check:
    """A mapping with these fields and no others."""

    def check(node: Node) -> None:
        if not node.mapping(tuple(known), {}):
            return
        for key in required:
            if node.get(key) is None and not set(node.keys) - set(known):
                node.wrong(f"{node.where} needs {key}")
        for key, inner in known.items():
            child = node.get(key)
            if child is not None:
                inner(child)

    return check


def each(inner: Check) -> Check:
    """A list of such values."""

    def check(node: Node) -> None:
        for item in node.items():
            inner(item)

    return check


def anything(node: Node) -> None:
    """Whatever stands there: it is read elsewhere."""


def text(node: Node) -> None:
    """Any text."""
    node.text()


def texts(node: Node) -> None:
    """A mapping from names to texts."""
    if node.mapping((), {}, free=True):
        for _, child in node.pairs():
            child.text()


def one_of(*words: str) -> Check:
    """One of the words."""

    def check(node: Node) -> None:
        node.choice(words)

    return check


def written_as(pattern: str, what: str, how: str) -> Check:
    """A text that the whole pattern fits; `what` it then is, and `how` it is written."""
    compiled = re.compile(pattern)

    def check(node: Node) -> None:
        found = node.text()
        if found is not None and not compiled.fullmatch(found):
            node.wrong(f"`{found}` is not {what}", how)

    return check


def number(first: int, last: int) -> Check:
    """A number within the bounds."""

    def check(node: Node) -> None:
        node.number(first, last)

    return check


def selector(node: Node) -> None:
    """A label selector whose keys may name a source."""
    selectors.read(node, selectors.SOURCES)


def plain_selector(node: Node) -> None:
    """A label selector whose keys are plain."""
    selectors.read(node, ())


name = written_as(r".+", "a name", "A name has at least one character.")
