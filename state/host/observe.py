"""HOST: the verb `observe`: the facts of this host, and everything that is netctl's or could be in its way.

Request: `scope`; `digests`, what the workstation expects of bulk kinds; `hold`, to be told the digests of bulk kinds
instead of their values; `only`, to be told of these kinds alone. Reply: `facts`, `observed` (values by kind and
address), `same` (bulk kinds that are as expected) and `held` (digests of the bulk kinds that were held back).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from state import wire
from state.bulk import digest, shown
from state.change import Found
from state.facts import Facts, Scope
from state.host import facts
from state.kernel import Kernel
from state.kinds import KINDS
from state.kinds.kind import Kind

Observed = dict[str, Mapping[str, Found[Any]]]


def answer(kernel: Kernel, body: Mapping[str, Any]) -> dict[str, Any]:
    """What this host has to say of itself."""
    scope = wire.load(Scope, body["scope"])
    known = facts.gather(kernel, scope)
    kinds = [kind for kind in KINDS if kind.name in body.get("only", (kind.name,))]
    found = observe(kernel, scope, known, kinds)
    return report(known, found, body.get("digests", {}), kinds, body.get("hold", False))


def observe(kernel: Kernel, scope: Scope, known: Facts, kinds: Sequence[Kind[Any]] = KINDS) -> Observed:
    """What is on this host, by kind and address. Nothing where the host lacks what looking takes."""
    if known.missing:
        return {kind.name: {} for kind in kinds}
    return {kind.name: kind.observe(kernel, scope) for kind in kinds}


def report(
    known: Facts,
    found: Observed,
    expected: Mapping[str, str],
    kinds: Sequence[Kind[Any]] = KINDS,
    hold: bool = False,
) -> dict[str, Any]:
    """Facts and observed values as they cross the wire; a bulk kind that is as expected is only named."""
    observed: dict[str, Any] = {}
    same: list[str] = []
    held: dict[str, str] = {}
    for kind in kinds:
        values = shown(found[kind.name])
        if kind.bulk and kind.name in expected and digest(values) == expected[kind.name]:
            same.append(kind.name)
        elif kind.bulk and hold:
            held[kind.name] = digest(values)
        else:
            observed[kind.name] = values
    return {"facts": wire.dump(known), "observed": observed, "same": same, "held": held}
