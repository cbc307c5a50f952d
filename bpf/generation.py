"""HOST: generations: two slots of six tables each, and the one word that says which slot the programs use.

A table in the active slot is never edited. A change fills the other slot, sharing the tables that stay as they are, and
then stores the word: that store is the change.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Mapping

from bpf import maps
from bpf.layout import MAPS, MapLayout
from bpf.maps import held
from state.kernel_bpf import Generation, Table

SLOTS = 2
WORD = "generation"
TABLES = ("addresses", "hosts", "blocks", "policies", "pages", "verdicts")
_KEY = bytes(4)


class Generations:
    """The tables of one host, given the file descriptors of the pinned maps by name."""

    def __init__(self, pinned: Mapping[str, int]) -> None:
        self._pinned = pinned

    def word(self) -> int:
        """The active generation: epoch << 8 | slot; 0 before the first one."""
        found = maps.lookup(self._pinned[WORD], _KEY, 8)
        return 0 if found is None else int.from_bytes(found, "little")

    def read(self) -> Generation:
        """What the active slot holds."""
        word = self.word()
        if word == 0:
            return Generation(0, {})
        return Generation(word >> 8, {name: self._table(name, word & 0xFF) for name in TABLES})

    def switch(self, tables: Mapping[str, Table]) -> None:
        """Make `tables` the active generation, unless they are it already."""
        word = self.word()
        active, current = word & 0xFF, self.read().tables
        same = {name for name in TABLES if name in current and current[name] == tables.get(name, {})}
        if len(same) == len(TABLES):
            return
        spare = (active + 1) % SLOTS
        self._wait(spare)
        for name in TABLES:
            if name in same:
                self._share(name, active, spare)
            else:
                self._fill(name, spare, tables.get(name, {}))
        maps.store(self._pinned[WORD], ((word >> 8) + 1) << 8 | spare)

    def _table(self, name: str, slot: int) -> dict[bytes, bytes]:
        number = maps.inner(self._pinned[name], slot)
        if number is None:
            return {}
        with held(maps.by_id(number)) as fd:
            return maps.read(fd, zeros=True)

    def _wait(self, slot: int) -> None:
        """Let the programs end that read the word when this slot was active: putting a map into a slot waits."""
        for name in TABLES:
            number = maps.inner(self._pinned[name], slot)
            if number is not None:
                with held(maps.by_id(number)) as fd:
                    maps.put_inner(self._pinned[name], slot, fd)
                return

    def _share(self, name: str, active: int, spare: int) -> None:
        outer = self._pinned[name]
        number = maps.inner(outer, active)
        if number is not None and number != maps.inner(outer, spare):
            with held(maps.by_id(number)) as fd:
                maps.put_inner(outer, spare, fd)

    def _fill(self, name: str, slot: int, table: Table) -> None:
        layout = MAPS[name].inner
        assert layout is not None
        fd = maps.create(layout, _room(layout, table))
        try:
            maps.write(fd, table)
            maps.put_inner(self._pinned[name], slot, fd)
        finally:
            os.close(fd)


def _room(layout: MapLayout, table: Table) -> int:
    """How many entries a table of this content needs: an array up to its last key, others with room to spare."""
    if layout.type == "array":
        return 1 + max((struct.unpack("<I", key)[0] for key in table), default=0)
    return max(16, 1 << (len(table) - 1).bit_length()) if table else 1
