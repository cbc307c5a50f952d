"""WORKSTATION: the answer to `netctl policy explain`: what holds for one endpoint, for people or for programs.

    {"format_version": "1.0",
     "endpoint": "shop/db-1", "host": "beta", "labels": ["app=db"], "addresses": ["10.42.21.79", "fd42:0:0:15::4f"],
     "directions": [{"direction": "ingress", "isolated": true, "isolated_by": ["policies/data.yaml:7"],
                     "entries": [{"outcome": "allow", "peers": "app=web namespace=shop", "ports": "postgres/TCP (5432)",
                                  "means": ["shop app=web"],          groups as `policy matrix` names them
                                  "document": "CiliumNetworkPolicy shop/db", "source": "policies/data.yaml:8",
                                  "matters": true, "fate": "matters",
                                  "others": [], "empty_selectors": []}]}],
     "unused": [{"document": "...", "source": "...", "wants": "it selects app=dbb", "has": "shop/db-1 has app=db"}]}

`fate` is `matters`, and where a rule does not matter `denied` or `covered` (by `others`), `nobody` (it means nobody),
`no port` (nobody concerned defines its port), `idle` (it denies what nothing would allow) or `open` (it allows where
nothing is denied by default). Of a rule that matters `others` deny a part of it.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator
from typing import Any

from cli.render.page import BAD, CARE, FAINT, GOOD, STRONG, Line, line, write
from cli.render.places import place
from cli.render.words import labels_text
from state.policy.fates import Fate
from state.policy.resolved import Direction, Entry, Resolved
from state.policy.verdicts import Outcome
from state.problem import Source

FORMAT_VERSION = "1.0"
SAID = {
    Fate.DENIED: "never matters: all of it is denied by {others}",
    Fate.COVERED: "never matters: {others} {say} all of it already",
    Fate.NOBODY: "never matters: it means nobody in this manifest",
    Fate.NO_PORT: "never matters: nobody concerned defines its port",
    Fate.IDLE: "never matters: nothing would allow what it denies",
    Fate.OPEN: "never matters: nothing is denied by default",
}
WIDEST = 48


def show(resolved: Resolved, output: str) -> None:
    """Print the answer to standard output, for people or programs."""
    if output == "json":
        json.dump(document(resolved), sys.stdout, indent=2)
        sys.stdout.write("\n")
    else:
        write(lines(resolved), sys.stdout)


def lines(resolved: Resolved) -> list[Line]:
    """The answer for people: denials first, and below each rule what becomes of it."""
    endpoint = resolved.endpoint
    about = f"  {labels_text(endpoint.identity_labels)}  on {endpoint.host}  {' '.join(_addresses(resolved))}"
    found = [line((endpoint.key, STRONG), about)]
    for direction in resolved.directions:
        found += [line(), *_direction(direction)]
    if resolved.unused:
        found += [line(), line(("policies that select no endpoint of the manifest", STRONG))]
        for one in resolved.unused:
            found.append(line(f"  {place(one.source)}  {one.document}: {one.lack.wants}; {one.lack.has}"))
    return found


def _direction(direction: Direction) -> Iterator[Line]:
    isolated = f"isolated by {_places(direction.isolating)}" if direction.isolating else "not isolated"
    yield line((direction.name, STRONG), f"  {isolated}")
    peers = [min(len(entry.peers), WIDEST) for entry in direction.entries]
    ports = [min(len(entry.ports), WIDEST) for entry in direction.entries]
    for entry in direction.entries:
        deny = entry.rule.outcome is Outcome.DENY
        words = f"  {entry.peers:<{max(peers)}}  {entry.ports:<{max(ports)}}  "
        yield line(
            "  ", ("deny " if deny else "allow", BAD if deny else GOOD), words, (place(entry.rule.source), FAINT)
        )
        for remark in remarks(entry):
            yield line("         ", (remark, CARE))
    yield line(("  ", ""), (_rest(direction), FAINT))


def _rest(direction: Direction) -> str:
    """What becomes of everything that no rule is about."""
    something = any(entry.rule.outcome is Outcome.ALLOW for entry in direction.entries)
    own = ", but from its own host" if direction.name == "ingress" else ""
    if direction.isolating:
        return f"{'nothing else' if something else 'nothing'} passes{own}"
    return "everything else passes" if direction.entries else "everything passes"


def remarks(entry: Entry) -> list[str]:
    """What is to be known about a rule: why it never matters, what of it is denied, what in it matches nothing."""
    found: list[str] = []
    if entry.fate in SAID:
        say = "deny" if entry.rule.outcome is Outcome.DENY else "allow"
        verb = say if len(entry.others) > 1 else {"deny": "denies", "allow": "allows"}[say]
        found.append(SAID[entry.fate].format(others=_places(entry.others), say=verb))
    elif entry.others:
        found.append(f"partly denied by {_places(entry.others)}")
    return [*found, *(f"no endpoint has {selector}" for selector in entry.empty)]


def _places(sources: Iterable[Source]) -> str:
    return ", ".join(map(place, sources))


def _addresses(resolved: Resolved) -> list[str]:
    endpoint = resolved.endpoint
    return [str(address) for address in (endpoint.ipv4, endpoint.ipv6) if address is not None]


def document(resolved: Resolved) -> dict[str, Any]:
    """The answer for programs."""
    endpoint = resolved.endpoint
    return {
        "format_version": FORMAT_VERSION,
        "endpoint": endpoint.key,
        "host": endpoint.host,
        "labels": [f"{key}={value}" for key, value in sorted(endpoint.labels.items())],
        "addresses": _addresses(resolved),
        "directions": [
            {
                "direction": direction.name,
                "isolated": bool(direction.isolating),
                "isolated_by": [place(source) for source in direction.isolating],
                "entries": [_entry(entry) for entry in direction.entries],
            }
            for direction in resolved.directions
        ],
        "unused": [
            {
                "document": one.document,
                "source": place(one.source),
                "wants": one.lack.wants,
                "has": one.lack.has,
            }
            for one in resolved.unused
        ],
    }


def _entry(entry: Entry) -> dict[str, Any]:
    return {
        "outcome": entry.rule.outcome.name.lower(),
        "peers": entry.peers,
        "ports": entry.ports,
        "means": list(entry.means),
        "document": entry.rule.document,
        "source": place(entry.rule.source),
        "matters": entry.fate is Fate.MATTERS,
        "fate": entry.fate.value,
        "others": [place(source) for source in entry.others],
        "empty_selectors": list(entry.empty),
    }
