"""HOST: the verb `probe`: send hand-made packets from endpoints, and tell what the datapath decided about them.

Request: `send`, a list of `state.host.packets.Probe`; `expect`, by nonce, how many decisions are made about it on this
host (a drop ends the wait for it); `within`, how many seconds to wait for them. The agent listens from the first
request on, so a host is first asked to probe nothing. Reply: `events` about the nonces expected, `refused`: by nonce,
why a packet could not even be sent; `namespaces`, which named network namespaces there are.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from state import wire
from state.host import packets
from state.host.netlink import inside
from state.host.packets import Probe
from state.kernel import Kernel
from state.kernel_bpf import Event
from state.problem import HostError, NetctlError, Problem

_REMEMBERED = 10000


class Ear:
    """What this agent hears from its first probe on. An event may come before anybody asks for it, so all are kept."""

    def __init__(self, listening: Iterator[tuple[Event, ...]]) -> None:
        self._listening = listening
        self._heard: deque[Event] = deque(next(listening), _REMEMBERED)

    def collect(self, expected: Mapping[int, int], within: float) -> list[Event]:
        """The events about the nonces, when there are as many for each as expected or the time is over."""
        deadline = time.monotonic() + within
        while not self._complete(expected) and time.monotonic() < deadline:
            self._heard.extend(next(self._listening))
        return [event for event in self._heard if event.source_port in expected]

    def _complete(self, expected: Mapping[int, int]) -> bool:
        missing = dict(expected)
        for event in self._heard:
            if event.source_port in missing:
                missing[event.source_port] -= _ALL if event.type == "drop" else 1
        return all(count <= 0 for count in missing.values())


_ALL = 1000
_ear: list[Ear] = []


def answer(kernel: Kernel, body: Mapping[str, Any]) -> Mapping[str, Any]:
    """Send, wait, tell. Raises HostError where BPF is missing."""
    if not _ear:
        if missing := kernel.bpf.missing():
            raise HostError(*(Problem(sentence) for sentence in missing))
        _ear.append(Ear(kernel.bpf.listen()))
    refused = send([wire.load(Probe, item) for item in body.get("send", ())])
    expected = {int(nonce): count for nonce, count in body.get("expect", {}).items() if int(nonce) not in refused}
    events = _ear[0].collect(expected, body.get("within", 0.0))
    return {
        "events": [wire.dump(event) for event in events],
        "refused": {str(nonce): text for nonce, text in refused.items()},
        "namespaces": sorted(kernel.netns.names()),
    }


def send(probes: Sequence[Probe]) -> dict[int, str]:
    """Send each packet from its namespace. Returns, by nonce, why the kernel refused one."""
    refused: dict[int, str] = {}
    for probe in probes:
        try:
            with inside(probe.netns):
                packets.send(probe)
        except OSError as error:
            refused[probe.nonce] = error.strerror or str(error)
        except NetctlError as error:
            refused[probe.nonce] = error.problems[0].summary
    return refused
