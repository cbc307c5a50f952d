"""A mutant: the tables that programs are using are edited, one after the other; the word is stored as ever, last.

It comes to the hosts as a part of `bpf.generation`, and takes the place of what is there.
"""

from __future__ import annotations

from collections.abc import Mapping

from bpf import generation, maps
from bpf.generation import TABLES, WORD, Generations
from bpf.layout import MAPS
from bpf.maps import held
from state.kernel_bpf import Table


def switch(self: Generations, tables: Mapping[str, Table]) -> None:
    """Make the live slot's tables what `tables` says."""
    pinned: Mapping[str, int] = self._pinned  # pyright: ignore[reportPrivateUsage]
    word = self.word()
    for name in TABLES:
        _edit(pinned[name], name, word & 0xFF, tables.get(name, {}))
    maps.store(pinned[WORD], ((word >> 8) + 1) << 8 | word & 0xFF)


def _edit(outer: int, name: str, slot: int, wanted: Table) -> None:
    """Entry by entry, where the table has room; else by another table in its place."""
    layout = MAPS[name].inner
    assert layout is not None
    number = maps.inner(outer, slot)
    if number is not None and layout.type != "array":
        with held(maps.by_id(number)) as fd:
            if len(wanted) <= maps.info(fd).max_entries:
                for key in maps.read(fd).keys() - wanted.keys():
                    maps.remove(fd, key)
                maps.write(fd, wanted)
                return
    room = generation._room(layout, wanted)  # pyright: ignore[reportPrivateUsage]
    with held(maps.create(layout, room)) as fd:
        maps.write(fd, wanted)
        maps.put_inner(outer, slot, fd)


Generations.switch = switch  # type: ignore[method-assign]
