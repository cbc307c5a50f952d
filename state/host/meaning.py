"""HOST: the digests of what a host decides by, kept with the tables' very bytes, as a digest.

To read the tables takes a moment; to make peers and policies of them and digests of those takes longer than all else
that an agent does, and most of the time the tables are what they were.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

from state.host.kept import Kept
from state.kernel import Kernel
from state.kernel_bpf import Generation
from state.kinds import KINDS
from state.kinds.generation import InGeneration

NAMES = frozenset(kind.name for kind in KINDS if isinstance(kind, InGeneration))
"""The kinds whose values make up a generation."""


class Meaning:
    """The digests of the active generation's kinds, by name. `code` stands for the code that makes sense of it."""

    def __init__(self, kernel: Kernel, code: str, kept: Kept) -> None:
        self._kept = kept
        self._question = f"{code} {content(kernel.bpf.generation())}" if code else ""

    def recall(self) -> Mapping[str, str]:
        """The digests; none where these bytes were not seen before."""
        found = self._kept.recall(self._question) or {}
        return {name: found[name] for name in NAMES} if found.keys() >= NAMES else {}

    def keep(self, digests: Mapping[str, str]) -> None:
        """Keep digests that were made of these bytes."""
        if self._question and digests.keys() >= NAMES:
            self._kept.keep(self._question, {name: digests[name] for name in NAMES})


def content(generation: Generation) -> str:
    """A digest of all bytes of all tables: two generations with the same one mean the same."""
    found = hashlib.sha256(b"nothing" if generation.epoch == 0 else b"")
    for name, table in sorted(generation.tables.items()):
        found.update(f"{name} {len(table)}\n".encode())
        found.update(b"".join([part for entry in sorted(table.items()) for part in entry]))
    return found.hexdigest()
