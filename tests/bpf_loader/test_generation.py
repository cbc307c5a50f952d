"""Generations on the real kernel: one store, shared tables, a slot that nobody reads is the one that is written."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path

import pytest

from bpf import generation, maps
from bpf.generation import TABLES, WORD, Generations
from bpf.layout import MAPS
from bpf.maps import held

ADDRESS = bytes(15) + b"\x01"
VALUE = bytes(15) + b"\x07"


@pytest.fixture
def pinned() -> Iterator[dict[str, int]]:
    """The maps of a generation, held by this test alone."""
    fds = {name: maps.create(MAPS[name]) for name in (WORD, *TABLES)}
    try:
        yield fds
    finally:
        for fd in fds.values():
            with held(fd):
                pass


def slots(pinned: dict[str, int], name: str) -> tuple[int, int]:
    """The ids of a table in both slots."""
    return maps.inner(pinned[name], 0) or 0, maps.inner(pinned[name], 1) or 0


def test_nothing_is_active_at_first(pinned: dict[str, int]) -> None:
    assert Generations(pinned).read().epoch == 0
    assert Generations(pinned).word() == 0


def test_what_is_written_is_read(pinned: dict[str, int]) -> None:
    empty: dict[str, dict[bytes, bytes]] = {name: {} for name in TABLES}
    tables = empty | {
        "addresses": {ADDRESS: VALUE},
        "pages": {struct.pack("<I", 0): bytes(512), struct.pack("<I", 1): bytes(511) + b"\x01"},
    }
    Generations(pinned).switch(tables)
    found = Generations(pinned).read()
    assert found.epoch == 1
    assert found.tables["addresses"] == tables["addresses"]
    assert found.tables["pages"] == tables["pages"]


def test_equal_tables_are_no_store(pinned: dict[str, int]) -> None:
    generations = Generations(pinned)
    tables = _whole({ADDRESS: VALUE})
    generations.switch(tables)
    before = generations.word()
    generations.switch(tables)
    assert generations.word() == before


def test_only_the_table_that_differs_is_made_anew(pinned: dict[str, int]) -> None:
    generations = Generations(pinned)
    generations.switch(_whole({ADDRESS: VALUE}))
    active = generations.word() & 0xFF
    before = {name: slots(pinned, name)[active] for name in TABLES}
    generations.switch(_whole({}))
    after = {name: slots(pinned, name)[generations.word() & 0xFF] for name in TABLES}
    assert generations.word() & 0xFF != active
    assert {name for name in TABLES if before[name] != after[name]} == {"addresses"}


def test_the_active_slot_is_not_touched_before_the_store(
    pinned: dict[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    generations = Generations(pinned)
    generations.switch(_whole({ADDRESS: VALUE}))
    before = generations.read()
    slot = generations.word() & 0xFF
    seen: list[object] = []

    def store(fd: int, word: int) -> None:
        seen.append((generations.read(), {name: slots(pinned, name)[slot] for name in TABLES}))
        raise KeyboardInterrupt

    ids = {name: slots(pinned, name)[slot] for name in TABLES}
    monkeypatch.setattr(maps, "store", store)
    with pytest.raises(KeyboardInterrupt):
        generations.switch(_whole({}))
    assert seen == [(before, ids)]
    assert generations.read() == before


def test_a_change_is_one_store_of_the_processor(pinned: dict[str, int], monkeypatch: pytest.MonkeyPatch) -> None:
    stores: list[int] = []
    real = maps.store

    def store(fd: int, word: int) -> None:
        stores.append(word)
        real(fd, word)

    monkeypatch.setattr(maps, "store", store)
    Generations(pinned).switch(_whole({ADDRESS: VALUE}))
    assert stores == [1 << 8 | 1]
    assert Generations(pinned).word() == stores[0]


def test_many_entries_are_written_and_read(pinned: dict[str, int]) -> None:
    many = {struct.pack(">QQ", 1, number): struct.pack("<IHHHHHH", number, 1, 0, 0, 0, 0, 0) for number in range(20000)}
    Generations(pinned).switch(_whole(many))
    assert Generations(pinned).read().tables["addresses"] == many


def _whole(addresses: dict[bytes, bytes]) -> dict[str, dict[bytes, bytes]]:
    arrays = {"hosts": 16, "policies": MAPS["policies"].inner, "pages": MAPS["pages"].inner}
    sizes = {name: item if isinstance(item, int) else item.value for name, item in arrays.items() if item is not None}
    rows = {name: {bytes(4): bytes(size)} for name, size in sizes.items()}
    return {"addresses": addresses, "blocks": {}, "verdicts": {}, **rows}


def test_no_table_is_forgotten() -> None:
    text = (Path(generation.__file__).parent / "maps.h").read_text()
    slotted = [name for name, item in MAPS.items() if item.type == "array_of_maps" and item.max_entries == 2]
    assert sorted(slotted) == sorted(TABLES)
    assert "SLOTS" in text
