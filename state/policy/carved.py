"""BOTH SIDES: some of a table's address blocks as few regions: each a block without some blocks inside it."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence

from state.policy.grants import Prefix, shorter, text
from state.traffic import Region

Children = Mapping[Prefix, Sequence[Prefix]]


def regions(chosen: Collection[Prefix], blocks: Collection[Prefix]) -> frozenset[Region]:
    """The addresses whose narrowest block among `blocks` is a chosen one."""
    parents = {block: _parent(block, blocks) for block in sorted(blocks)}
    children: dict[Prefix, list[Prefix]] = {}
    for block, parent in parents.items():
        if parent is not None:
            children.setdefault(parent, []).append(block)
    roots = [block for block in chosen if parents[block] not in chosen]
    return frozenset(Region(text(root), tuple(map(text, _holes(root, chosen, children)))) for root in roots)


def _parent(block: Prefix, blocks: Collection[Prefix]) -> Prefix | None:
    wider = (shorter(block, length) for length in range(block[1] - 1, -1, -1))
    return next((found for found in wider if found in blocks), None)


def _holes(root: Prefix, chosen: Collection[Prefix], children: Children) -> Iterator[Prefix]:
    for child in children.get(root, ()):
        if child in chosen:
            yield from _holes(child, chosen, children)
        else:
            yield child
