"""WORKSTATION: an event of the datapath as two lines for people, or as one JSON object."""

from __future__ import annotations

import json
import time
from typing import Any

from cli.explain import DENIALS, PROTOCOLS, Explainer
from cli.render.words import Words
from cli.watch import Sighting
from state.kernel_bpf import Event
from state.policy.ports import ICMP_TYPES

ICMP = frozenset({1, 58})
TYPES = {
    version: {number: name for name, number in ICMP_TYPES[family].items()}
    for version, family in ((1, "IPv4"), (58, "IPv6"))
}


def text(sighting: Sighting, explain: Explainer, words: Words, output: str) -> str:
    """The event, in the format asked for."""
    if output == "json":
        return json.dumps(document(sighting, explain, words))
    event = sighting.event
    moment = time.strftime("%H:%M:%S", time.localtime(sighting.time)) + f".{int(sighting.time * 1000) % 1000:03d}"
    source, target = (end(explain, event, which) for which in ("source", "destination"))
    left, right = (words.identity(of, sighting.host) for of in (event.source_identity, event.destination_identity))
    why = explain.why(event, sighting.host)
    log = f" (log: {why.log})" if why.log else ""
    return (
        f"{moment} {sighting.host} {event.type.upper()} {event.direction}: {source} -> {target} {protocol(event)}\n"
        f"    {left} -> {right}: {why.sentence}{log}"
    )


def protocol(event: Event) -> str:
    """The protocol; of ICMP the type too: `ICMP type 8 (EchoRequest)`."""
    if event.protocol not in ICMP:
        return PROTOCOLS.get(event.protocol, str(event.protocol))
    number = event.destination_port
    name = TYPES[event.protocol].get(number)
    return f"ICMP type {number}" + (f" ({name})" if name else "")


def end(explain: Explainer, event: Event, which: str) -> str:
    """One end of the packet: its name, and address and port."""
    address = event.source if which == "source" else event.destination
    port = event.source_port if which == "source" else event.destination_port
    name = explain.name(address)
    place = address if event.protocol in ICMP else f"[{address}]:{port}" if ":" in address else f"{address}:{port}"
    return place if name == address else f"{name} ({place})"


def document(sighting: Sighting, explain: Explainer, words: Words) -> dict[str, Any]:
    """The event as JSON: `time` in seconds since 1970, `rules` the lines of the manifest that decided,
    `drop_reason` why it was dropped, or (`type` is `audit`) would be if its endpoint were not audited.

    ICMP has an `icmp_type` and no ports, everything else ports and no `icmp_type`: the other is null.
    """
    event = sighting.event
    icmp = event.protocol in ICMP
    why = explain.why(event, sighting.host)
    return {
        "time": round(sighting.time, 6),
        "host": sighting.host,
        "type": event.type,
        "direction": event.direction,
        "protocol": PROTOCOLS.get(event.protocol, str(event.protocol)),
        "icmp_type": event.destination_port if icmp else None,
        "source": {
            "name": explain.name(event.source),
            "address": event.source,
            "port": None if icmp else event.source_port,
            "identity": event.source_identity,
            "labels": words.identity(event.source_identity, sighting.host),
        },
        "destination": {
            "name": explain.name(event.destination),
            "address": event.destination,
            "port": None if icmp else event.destination_port,
            "identity": event.destination_identity,
            "labels": words.identity(event.destination_identity, sighting.host),
        },
        "endpoint": explain.subject(event, sighting.host) if event.endpoint else None,
        "reason": why.sentence,
        "drop_reason": event.reason if event.type in DENIALS else None,
        "log": why.log or None,
        "rules": [f"{place.file}:{place.line}" for place in why.rules],
        "length": event.length,
    }
