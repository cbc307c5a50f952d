"""WORKSTATION: the events of many hosts as one stream in the order of time, by clocks compared when connecting."""

from __future__ import annotations

import heapq
import queue
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from cli import exits
from inventory.requests import clock_ahead
from state import wire
from state.kernel_bpf import Event
from state.problem import HostError, NetctlError, Problem

SETTLE = 0.3
"""Seconds an event waits for earlier ones of slower hosts."""
READY = 60.0
"""Seconds in which a host must have been reached and listen: more than connecting may take."""


@dataclass(frozen=True)
class Sighting:
    """An event, the host that saw it, and when by this machine's clock (seconds since 1970)."""

    host: str
    time: float
    event: Event


class Hosts(Protocol):
    """The sessions of the selected hosts."""

    def session(self, host: str) -> Any:
        """The session with one host."""
        ...

    def close(self) -> None:
        """End every session."""
        ...


class Watch:
    """One thread per host reads its events; `sightings` puts them in order. Start it, then iterate once.

    `lost` is told, in that thread, what ended a host's events after `start`.
    """

    def __init__(
        self,
        fleet: Hosts,
        hosts: Sequence[str],
        types: Sequence[str],
        lost: Callable[[Sequence[Problem]], None] = lambda problems: None,
    ) -> None:
        self._fleet = fleet
        self._hosts = list(hosts)
        self._types = list(types)
        self._lost = lost
        self._lock = threading.Lock()
        self._errors: dict[str, NetctlError] = {}
        self._queue: queue.Queue[Sighting | None] = queue.Queue()
        self._ready: queue.Queue[str] = queue.Queue()
        self._stopping = False
        self.listening: list[str] = []

    @property
    def problems(self) -> list[Problem]:
        """Why hosts do not listen, or no longer."""
        return [problem for error in self._errors.values() for problem in error.problems]

    @property
    def exit_code(self) -> int:
        """What became of the hosts, as an exit code."""
        return exits.worst(error.exit_code for error in self._errors.values())

    def start(self) -> None:
        """Begin, and return when every host listens or has failed. Raises their errors when none listens."""
        for host in self._hosts:
            threading.Thread(target=self._follow, args=(host,), name=f"monitor {host}", daemon=True).start()
        silent = set(self._hosts)
        deadline = time.monotonic() + READY
        while silent:
            try:
                silent.discard(self._ready.get(timeout=max(0.0, deadline - time.monotonic())))
            except queue.Empty:
                break
        with self._lock:
            for host in silent:
                self._errors[host] = HostError.of("no answer in time", f"Waited {READY:.0f} s.", f"host {host}")
            self.listening = sorted(set(self._hosts) - self._errors.keys())
        if not self.listening:
            raise exits.together(list(self._errors.values()))

    def sightings(self, count: int | None, timeout: float | None) -> Iterator[Sighting]:
        """Events in the order of time; ends after `count` of them, after `timeout` seconds, or when no host is left."""
        waiting: list[tuple[float, int, Sighting]] = []
        deadline = float("inf") if timeout is None else time.monotonic() + timeout
        alive, number = len(self.listening), 0
        try:
            while (count is None or number < count) and (alive or waiting):
                settled = time.time() - SETTLE if alive and time.monotonic() < deadline else float("inf")
                if waiting and waiting[0][0] <= settled:
                    yield heapq.heappop(waiting)[2]
                    number += 1
                    continue
                if time.monotonic() >= deadline:
                    return
                try:
                    found = self._queue.get(timeout=0.05)
                except queue.Empty:
                    continue
                if found is None:
                    alive -= 1
                else:
                    heapq.heappush(waiting, (found.time, id(found), found))
        finally:
            self._stopping = True
            self._fleet.close()

    def _follow(self, host: str) -> None:
        """One host's part, in a thread of its own. How its clock goes is found out once, at the beginning."""
        spoke = False
        try:
            session = self._fleet.session(host)
            ahead = clock_ahead(session.call)
            for message in session.stream("events", {"types": self._types}):
                if message.get("listening"):
                    spoke = True
                    self._ready.put(host)
                    continue
                base = message["clock"] - ahead
                for item in message["events"]:
                    event = wire.load(Event, item)
                    self._queue.put(Sighting(host, base + event.time / 1e9, event))
        except NetctlError as error:
            if not self._stopping:
                self._fail(host, error)
        finally:
            if spoke:
                self._queue.put(None)
            else:
                self._ready.put(host)

    def _fail(self, host: str, error: NetctlError) -> None:
        problems = [Problem(item.summary, item.detail, f"host {host}") for item in error.problems]
        with self._lock:
            self._errors[host] = type(error)(*problems)
            begun = host in self.listening
        if begun:
            self._lost(problems)
