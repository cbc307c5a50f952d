"""HOST: the verb `observe`: the facts of this host, and everything that is netctl's or could be in its way.

Request: `scope`; `digests`, what the workstation expects of bulk kinds; `hold`, to be told the digests of bulk kinds
instead of their values; `only`, to be told of these kinds alone. Reply: `facts`, `observed` (values by kind and
address), `same` (bulk kinds that are as expected) and `held` (digests of the bulk kinds that were held back); of both
only what is foreign is in `observed`.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import Any

from state import wire
from state.bulk import digest, foreign, shown
from state.change import Found
from state.facts import Facts, Scope
from state.frame import dumped
from state.host import facts, recall
from state.host.glance import glance
from state.host.kept import Kept
from state.host.meaning import Meaning
from state.host.questions import taking_notes
from state.kernel import Kernel
from state.kinds import KINDS
from state.kinds.kind import Kind
from state.naming import RUN_FOLDER

Observed = dict[str, Mapping[str, Found[Any]]]


def answer(kernel: Kernel, body: Mapping[str, Any]) -> dict[str, Any]:
    """What this host has to say of itself. What a plan asks is kept, for the next one."""
    with taking_notes() as notes:
        reply = _look(kernel, body)
    if body.get("hold", False):
        recall.keep(RUN_FOLDER, _code(), body, notes, dumped(reply))
    return reply


def _look(kernel: Kernel, body: Mapping[str, Any]) -> dict[str, Any]:
    scope, kernel = wire.load(Scope, body["scope"]), glance(kernel)
    known = facts.gather(kernel, scope)
    kinds = [kind for kind in KINDS if kind.name in body.get("only", (kind.name,))]
    digests, hold = body.get("digests", {}), body.get("hold", False)
    if known.missing or not hold:
        return report(known, observe(kernel, scope, known, kinds), digests, kinds, hold)
    meaning = Meaning(kernel, _code(), Kept("meaning"))
    remembered = meaning.recall()
    kinds = [kind for kind in kinds if kind.name not in remembered]
    reply = report(known, observe(kernel, scope, known, kinds), digests, kinds, hold)
    if not remembered:
        meaning.keep(reply["held"])
    return {**reply, "held": {**reply["held"], **remembered}}


def _code() -> str:
    """The name of the archive that all modules come from; empty where they do not come from one."""
    own = sys.modules[__name__].__spec__
    return str(getattr(own.loader, "name", "")) if own is not None else ""


def observe(kernel: Kernel, scope: Scope, known: Facts, kinds: Sequence[Kind[Any]] = KINDS) -> Observed:
    """What is on this host, by kind and address. Nothing where the host lacks what looking takes."""
    if known.missing:
        return {kind.name: {} for kind in kinds}
    kernel = glance(kernel)
    return {kind.name: kind.observe(kernel, scope) for kind in kinds}


def report(
    known: Facts,
    found: Observed,
    expected: Mapping[str, str],
    kinds: Sequence[Kind[Any]] = KINDS,
    hold: bool = False,
) -> dict[str, Any]:
    """Facts and observed values as they cross the wire; of bulk kinds held back or expected, only what is foreign."""
    observed: dict[str, Any] = {}
    same: list[str] = []
    held: dict[str, str] = {}
    for kind in kinds:
        values = found[kind.name]
        own = digest(values) if kind.bulk and (hold or kind.name in expected) else ""
        if own and own == expected.get(kind.name):
            same.append(kind.name)
        elif own and hold:
            held[kind.name] = own
        else:
            observed[kind.name] = shown(values)
            continue
        if others := foreign(values):
            observed[kind.name] = shown(others)
    return {"facts": wire.dump(known), "observed": observed, "same": same, "held": held}
