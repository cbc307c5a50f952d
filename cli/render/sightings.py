"""WORKSTATION: an event of the datapath as two lines for people, or as one JSON object."""

from __future__ import annotations

import json
import time
from typing import Any

from cli.explain import PROTOCOLS, Explainer
from cli.watch import Sighting
from state.kernel_bpf import Event


def text(sighting: Sighting, explain: Explainer, output: str) -> str:
    """The event, in the format asked for."""
    if output == "json":
        return json.dumps(document(sighting, explain))
    event = sighting.event
    moment = time.strftime("%H:%M:%S", time.localtime(sighting.time)) + f".{int(sighting.time * 1000) % 1000:03d}"
    source, target = (end(explain, event, which) for which in ("source", "destination"))
    protocol = PROTOCOLS.get(event.protocol, str(event.protocol))
    why = explain.why(event, sighting.host)
    return (
        f"{moment} {sighting.host} {event.type.upper()} {event.direction}: {source} -> {target} {protocol}\n"
        f"    {explain.labels(event.source_identity)} -> {explain.labels(event.destination_identity)}: {why.sentence}"
    )


def end(explain: Explainer, event: Event, which: str) -> str:
    """One end of the packet: its name, and address and port."""
    address = event.source if which == "source" else event.destination
    port = event.source_port if which == "source" else event.destination_port
    name = explain.name(address)
    place = address if event.protocol in (1, 58) else f"[{address}]:{port}" if ":" in address else f"{address}:{port}"
    return place if name == address else f"{name} ({place})"


def document(sighting: Sighting, explain: Explainer) -> dict[str, Any]:
    """The event as JSON: `time` in seconds since 1970, `rules` the lines of the manifest that decided."""
    event = sighting.event
    why = explain.why(event, sighting.host)
    return {
        "time": round(sighting.time, 6),
        "host": sighting.host,
        "type": event.type,
        "direction": event.direction,
        "protocol": PROTOCOLS.get(event.protocol, str(event.protocol)),
        "source": _side(explain, event.source, event.source_port, event.source_identity),
        "destination": _side(explain, event.destination, event.destination_port, event.destination_identity),
        "endpoint": explain.subject(event, sighting.host) if event.endpoint else None,
        "reason": why.sentence,
        "drop_reason": event.reason if event.type == "drop" else None,
        "rules": [f"{place.file}:{place.line}" for place in why.rules],
        "length": event.length,
    }


def _side(explain: Explainer, address: str, port: int, identity: int) -> dict[str, Any]:
    return {
        "name": explain.name(address),
        "address": address,
        "port": port,
        "identity": identity,
        "labels": explain.labels(identity),
    }
