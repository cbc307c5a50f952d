"""BOTH SIDES: a host's address blocks, asked as its datapath asks them: which is the narrowest around an address?"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from ipaddress import ip_network

from state.policy.grants import Prefix, prefix, shorter
from state.policy.labels import WORLD
from state.policy.tables import Block, block_numbers

Around = tuple[str, bool]
"""The name under which policies speak of a block, and whether it lies in the endpoint ranges."""
_NONE: Around = (str(WORLD), False)


class Blocks:
    """The table `blocks` by meaning."""

    def __init__(self, blocks: Mapping[str, Block]) -> None:
        self._blocks = blocks

    @cached_property
    def prefixes(self) -> Mapping[Prefix, Around]:
        """Every block, as numbers."""
        names = {str(number): text for text, number in block_numbers(self._blocks).items()} if self._drifted else {}
        return {
            prefix(ip_network(text)): (self._name(text, block, names), block.endpoints)
            for text, block in self._blocks.items()
        }

    def around(self, inner: Prefix) -> Around:
        """The narrowest block around an address or a block; the world, where there is none."""
        for length in self._lengths:
            if length <= inner[1] and (found := self.prefixes.get(shorter(inner, length))) is not None:
                return found
        return _NONE

    @cached_property
    def _lengths(self) -> list[int]:
        return sorted({length for _, length, _ in self.prefixes}, reverse=True)

    @property
    def _drifted(self) -> bool:
        return any(block.drift for block in self._blocks.values())

    @staticmethod
    def _name(text: str, block: Block, names: Mapping[str, str]) -> str:
        """The block itself; if somebody changed its number, whatever has that number."""
        if block.drift == "0":
            return _NONE[0]
        return names.get(block.drift, block.drift) if block.drift else text
