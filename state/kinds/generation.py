"""BOTH SIDES: the kinds whose values make up a generation: peers, blocks, tunnels and policies change in one store.

Applying is: what the host decides by now, plus all changes of the four kinds, as new tables in the slot that is not in
use; then the one word that makes them the active ones. A live table is never edited, not even to repair drift.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from state.change import Change
from state.kernel import Kernel
from state.kernel_bpf import Generation
from state.kinds.kind import Kind
from state.policy.tables import Logical

V = TypeVar("V")

NOTHING = Logical({}, {}, {}, {})
_FIELDS = {"peer": "peers", "tunnel": "tunnels", "block": "blocks", "policy": "policies"}
_last: list[tuple[Generation, Logical]] = []


class InGeneration(Kind[V]):
    """A kind whose values stand in the tables of a generation."""

    together = "generation"

    def apply(self, kernel: Kernel, changes: Sequence[Change]) -> None:
        """Make all changes of the four kinds in one store."""
        wanted = changed(logical(kernel), changes)
        if wanted == NOTHING and kernel.bpf.generation().epoch == 0:
            return
        from state.kinds.packed import pack
        from state.policy.encode import encode

        kernel.bpf.switch(pack(encode(wanted)))


def logical(kernel: Kernel) -> Logical:
    """What the host decides by now. The four kinds ask one after another: the last answer is kept."""
    generation = kernel.bpf.generation()
    if generation.epoch == 0:
        return NOTHING
    if not (_last and _last[0][0] == generation):
        from state.kinds.packed import unpack  # mostly not needed: see `state.host.meaning`
        from state.policy.decode import decode

        _last[:] = [(generation, decode(unpack(generation.tables)))]
    return _last[0][1]


def changed(tables: Logical, changes: Sequence[Change]) -> Logical:
    """The tables after the changes."""
    values: dict[str, dict[str, Any]] = {kind: dict(getattr(tables, field)) for kind, field in _FIELDS.items()}
    for change in changes:
        if change.after is None:
            values[change.kind].pop(change.address, None)
        else:
            values[change.kind][change.address] = change.after
    return Logical(values["peer"], values["tunnel"], values["block"], values["policy"])


def subject(identity: int, identities: Mapping[int, tuple[str, ...]]) -> str:
    """An identity in words: `shop app=db`, the namespace first; its number where the manifest does not know it."""
    labels = [label.partition(":")[2] for label in identities.get(identity, ())]
    own = [label for label in labels if not label.startswith("io.")]
    spaces = [label.partition("=")[2] for label in labels if label.startswith(_NAMESPACE)]
    return " ".join(spaces + own) or f"identity {identity}"


_NAMESPACE = "io.kubernetes.pod.namespace="
