"""Hosts that exist in memory only: they hold what each kind observes as JSON, and do what an agent would do."""

from __future__ import annotations

import copy
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address
from typing import Any, TypeVar

from inventory.fleet import Row
from state import wire
from state.facts import Device, Facts, Features
from state.problem import HostError, LockHeld, Problem, Stale, Unreachable

T = TypeVar("T")

FEATURES = Features(tcx=True, btf=True, jit=True, vxlan=True, nft=True, ringbuf=True)


def facts(number: int) -> Facts:
    """What a plain host says of itself."""
    addresses = (f"203.0.113.{10 + number}/24", f"2001:db8::1{number}/64")
    return Facts(
        kernel="6.12.0",
        python="3.11.2",
        boot_id=f"boot-{number}",
        features=FEATURES,
        uplink="eth0",
        uplink_mtu=1500,
        underlay_ipv4=IPv4Address(f"203.0.113.{10 + number}"),
        underlay_ipv6=IPv6Address(f"2001:db8::1{number}"),
        devices={"eth0": Device("eth0", 2, 1500, True, addresses)},
        present=frozenset(),
        foreign_netns=frozenset(),
    )


@dataclass
class FakeHost:
    """One host. `error` is raised by every request, `refuses` by `apply`; changes of kind `forgets` are not made."""

    name: str
    facts: Facts
    found: dict[str, dict[str, Any]] = field(default_factory=dict[str, dict[str, Any]])
    error: HostError | None = None
    refuses: HostError | None = None
    forgets: str = ""
    meanwhile: Callable[[], None] = lambda: None
    asked: list[str] = field(default_factory=list[str])

    def call(self, verb: str, body: Mapping[str, Any], deadline: float = 0.0) -> dict[str, Any]:
        """The agent's answer to one request."""
        self.asked.append(verb)
        if self.error is not None:
            raise self.error
        if verb == "apply":
            if self.refuses is not None:
                raise self.refuses
            self.meanwhile()
            self._apply(body["changes"])
        return {"facts": wire.dump(self.facts), "observed": copy.deepcopy(self.found), "same": []}

    def _apply(self, changes: Sequence[Mapping[str, Any]]) -> None:
        for change in changes:
            now = self.found.get(change["kind"], {}).get(change["address"])
            if (now["value"] if now else None) != change["before"]:
                raise Stale.of(f"{change['kind']} {change['address']} has changed since the plan was made")
        for change in changes:
            if change["kind"] == self.forgets:
                continue
            values = self.found.setdefault(change["kind"], {})
            if change["after"] is None:
                del values[change["address"]]
            else:
                values[change["address"]] = {"value": change["after"], "owned": True}


class FakeFleet:
    """Several of them."""

    def __init__(self, members: Mapping[str, FakeHost]) -> None:
        self._members = members
        self.hosts = sorted(members)

    def hang_up(self, host: str) -> None:
        """Nothing: it is not connected."""

    def each(
        self,
        work: Callable[[Any], T],
        hosts: Sequence[str] | None = None,
        finished: Callable[[Row[T]], None] | None = None,
    ) -> dict[str, Row[T]]:
        """The work done on each host, one after the other."""
        rows: dict[str, Row[T]] = {}
        for host in self.hosts if hosts is None else hosts:
            try:
                rows[host] = Row(host, work(self._members[host]))
            except HostError as error:
                rows[host] = Row(host, error=error)
            if finished is not None:
                finished(rows[host])
        return rows


def three() -> dict[str, FakeHost]:
    """The hosts of examples/three-hosts, with nothing of netctl's on them."""
    return {name: FakeHost(name, facts(number)) for number, name in enumerate(("alpha", "beta", "gamma"), 1)}


def connector(members: Mapping[str, FakeHost]) -> Callable[..., Any]:
    """What stands in for `cli.connect.connect`."""

    @contextmanager
    def connect(
        folder: Any, cluster: Any, hosts: Sequence[str], labels: Sequence[str], lab: bool
    ) -> Generator[FakeFleet]:
        yield FakeFleet({name: host for name, host in members.items() if not hosts or name in hosts})

    return connect


def unreachable() -> Unreachable:
    """The error of a host that is away."""
    return Unreachable(Problem("host beta cannot be reached", "Connection refused.", "host beta"))


def locked() -> LockHeld:
    """The error of a host that somebody else is changing."""
    return LockHeld(Problem("eve@desk is changing this host", "Wait until they are done.", "host beta"))


def broken() -> HostError:
    """The error of a host that refuses."""
    return HostError(Problem("the host refused: No space left on device", "", "host beta"))
