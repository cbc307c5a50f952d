"""BOTH SIDES: values are compared by digest, kind by kind, so that they cross the wire only where they differ.

A host tells the digest of what is netctl's of a kind; what is foreign always crosses.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from typing import Any, Generic, TypeVar

from state import wire
from state.change import Found, Wanted

V = TypeVar("V")


def shown(found: Mapping[str, Found[Any]]) -> dict[str, Any]:
    """Observed values as they cross the wire."""
    return {address: {"value": wire.dump(item.value), "owned": item.owned} for address, item in found.items()}


def foreign(found: Mapping[str, Found[V]]) -> dict[str, Found[V]]:
    """What is not netctl's."""
    return {address: item for address, item in found.items() if not item.owned}


def digest(found: Mapping[str, Found[Any]]) -> str:
    """The digest of what is netctl's: equal tables have equal digests, on every machine."""
    return _digest(f"{address} {wire.text(item.value)}" for address, item in found.items() if item.owned)


def expected(wanted: Mapping[str, Wanted[Any]]) -> str:
    """The digest of what is wanted, were it there."""
    return _digest(f"{address} {item.text()}" for address, item in wanted.items())


def _digest(lines: Iterator[str]) -> str:
    return hashlib.sha256("\0".join(sorted(lines)).encode()).hexdigest()


class AsWanted(Mapping[str, Found[V]], Generic[V]):
    """Observed values of which those that are netctl's are just what is wanted, and the foreign ones beside them."""

    wanted: Mapping[str, Any]
    others: Mapping[str, Any]

    def __init__(self, wanted: Mapping[str, Wanted[V]], others: Mapping[str, Found[V]]) -> None:
        self.wanted, self.others = wanted, others

    def __getitem__(self, address: str) -> Found[V]:
        return self.others[address] if address in self.others else Found(self.wanted[address].value)

    def __iter__(self) -> Iterator[str]:
        return iter({**self.wanted, **self.others})

    def __len__(self) -> int:
        return len({**self.wanted, **self.others})


def agrees(found: Mapping[str, Found[V]], wanted: Mapping[str, Wanted[V]]) -> bool:
    """Whether one need not look: these are the wanted values, and nothing foreign is in their way."""
    return isinstance(found, AsWanted) and wanted is found.wanted and wanted.keys().isdisjoint(found.others)
