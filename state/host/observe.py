"""HOST: the verb `observe`: the facts of this host, and everything that is netctl's or could be in its way.

Request: `scope`, and `digests`, what the workstation expects of bulk kinds. Reply: `facts`, `observed` (by kind and
address), and `same`: the bulk kinds that are as expected, whose values therefore do not cross the wire.
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
    return report(known, observe(kernel, scope, known), body.get("digests", {}))


def observe(kernel: Kernel, scope: Scope, known: Facts, kinds: Sequence[Kind[Any]] = KINDS) -> Observed:
    """What is on this host, by kind and address. Nothing where the host lacks what looking takes."""
    if known.missing:
        return {kind.name: {} for kind in kinds}
    return {kind.name: kind.observe(kernel, scope) for kind in kinds}


def report(
    known: Facts, found: Observed, expected: Mapping[str, str], kinds: Sequence[Kind[Any]] = KINDS
) -> dict[str, Any]:
    """Facts and observed values as they cross the wire; a bulk kind that is as expected is only named."""
    observed: dict[str, Any] = {}
    same: list[str] = []
    for kind in kinds:
        values = shown(found[kind.name])
        if kind.bulk and kind.name in expected and digest(values) == expected[kind.name]:
            same.append(kind.name)
        else:
            observed[kind.name] = values
    return {"facts": wire.dump(known), "observed": observed, "same": same}
