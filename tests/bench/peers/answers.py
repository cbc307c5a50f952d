"""What `ip -j` and `sysctl` answered on a host, in the words of a job (`tests.bench.job`). Used by every peer."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any


def missing(wanted: Mapping[str, Iterable[str]], text: str) -> list[str]:
    """What of a job the answers do not show."""
    found = read(text)
    return [line for kind, lines in wanted.items() for line in lines if line not in found]


def read(text: str) -> set[str]:
    """Everything in the answers, as a job's lines."""
    place = ""
    found: set[str] = set()
    for line in text.splitlines():
        if line.startswith("= "):
            place = line[2:]
        elif place == "sysctl":
            name, _, value = line.partition(" = ")
            found.add(f"- {name} {value}")
        elif line:
            for item in json.loads(line):
                found.update(_lines(place, item))
    return found


def _lines(place: str, item: Mapping[str, Any]) -> Iterable[str]:
    if "addr_info" in item:
        return [
            f"{place} {item['ifname']} {one['local']}/{one['prefixlen']}" for one in item["addr_info"] if "local" in one
        ]
    if "dst" in item:
        return [f"{place} {item['dst']} {item.get('dev', '')} {item.get('gateway', '-')}"]
    return [f"{place} {item['ifname']} {item['mtu']}"] if "mtu" in item else []
