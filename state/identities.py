"""BOTH SIDES: the numbers of identities: cluster id << 16 | 256..65535, kept while anybody may remember them."""

from __future__ import annotations

from collections.abc import Iterable

from state.allocation import labels_of, probe
from state.lock_lines import IdentityLine
from state.manifest import Manifest
from state.policy.labels import FIRST_IDENTITY
from state.problem import ManifestError, Problem

LAST_IDENTITY = 65535


def numbers(cluster: int) -> range:
    """The numbers that the identities of a cluster may have."""
    return range(cluster << 16 | FIRST_IDENTITY, (cluster << 16 | LAST_IDENTITY) + 1)


def choose_identities(manifest: Manifest, lines: Iterable[IdentityLine]) -> tuple[IdentityLine, ...]:
    """A number for each label set that an endpoint has; the others stay, retired: a host may still use them."""
    allowed = numbers(manifest.id)
    wanted = {labels_of(manifest, endpoint) for endpoint in manifest.endpoints.values()}
    old = sorted(lines, key=lambda line: (line.retired, line.labels, line.number))
    chosen: dict[tuple[str, ...], int] = {}
    taken: set[int] = set()
    for line in old:
        fits = line.labels in wanted and line.labels not in chosen and line.number in allowed
        if fits and line.number not in taken:
            chosen[line.labels] = line.number
            taken.add(line.number)
    retired: dict[int, tuple[str, ...]] = {}
    for line in old:
        if line.number not in taken:
            retired.setdefault(line.number, line.labels)
    for labels in sorted(wanted - chosen.keys()):
        chosen[labels] = _free(labels, allowed, taken | retired.keys())
        taken.add(chosen[labels])
    active = [IdentityLine(number, labels) for labels, number in chosen.items()]
    kept = [IdentityLine(number, labels, retired=True) for number, labels in retired.items()]
    return tuple(sorted(active + kept, key=lambda line: line.number))


def _free(labels: tuple[str, ...], allowed: range, taken: set[int]) -> int:
    for place in probe(f"identity {' '.join(labels)}", len(allowed)):
        if allowed[place] not in taken:
            return allowed[place]
    raise ManifestError(
        Problem(
            f"all {len(allowed)} identity numbers are taken",
            "Labels that differ from endpoint to endpoint make an identity each: use fewer of them. "
            "`netctl lock --prune` frees the retired numbers.",
        )
    )
