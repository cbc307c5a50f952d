"""BOTH SIDES: traffic whose verdict changes with a plan, as data: it is printed, saved and tested like the changes.

A flow is allowed where the source's egress and the destination's ingress allow it, each by the tables of its own host.
What of it is worked out, and how: `state.policy.connectivity`.
"""

from __future__ import annotations

from dataclasses import dataclass

from state.problem import Source

ENDPOINTS, HOST, REMOTE_NODE, WORLD = "endpoints", "host", "remote-node", "world"


@dataclass(frozen=True)
class Region:
    """Addresses outside the cluster: a block without some blocks inside it."""

    cidr: str
    excepts: tuple[str, ...] = ()

    @property
    def six(self) -> bool:
        """Whether these are IPv6 addresses."""
        return ":" in self.cidr


@dataclass(frozen=True)
class Participants:
    """One end of a flow. `kind` is `endpoints`, `host` (the other end's own), `remote-node` (any other), or `world`.

    Of endpoints `labels` is the identity they share, `names` are those of them that take part, out of `total`. Of the
    world `regions` are the addresses.
    """

    kind: str
    labels: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    total: int = 0
    regions: tuple[Region, ...] = ()


@dataclass(frozen=True)
class PortRange:
    """Destination ports `first`..`last` of a protocol; of ICMP and ICMPV6 they are types."""

    protocol: str
    first: int
    last: int


@dataclass(frozen=True)
class Flow:
    """Traffic that starts (`allowed`) or stops being allowed: every source with every destination but itself.

    `families` are the IP versions it is about, where both ends have others too; empty: all that both have. `rules` are
    the lines that now decide, of the ends that changed their mind. `certain` is False where an end's host was not
    asked: the flow is then told as if that end let it pass, before and after.
    """

    sources: tuple[Participants, ...]
    destinations: tuple[Participants, ...]
    ports: tuple[PortRange, ...]
    allowed: bool
    families: tuple[int, ...] = ()
    rules: tuple[Source, ...] = ()
    certain: bool = True


@dataclass(frozen=True)
class Traffic:
    """All of it. `arriving` are endpoints that come with the plan, `leaving` addresses of those that go with it.

    What they may do is what the policies say of their labels, and is not listed. `not_asked` are the hosts whose tables
    nobody has read.
    """

    flows: tuple[Flow, ...] = ()
    arriving: tuple[str, ...] = ()
    leaving: tuple[str, ...] = ()
    not_asked: tuple[str, ...] = ()

    @property
    def starting(self) -> int:
        """How many flows start being allowed."""
        return sum(flow.allowed for flow in self.flows)

    @property
    def stopping(self) -> int:
        """How many flows stop being allowed."""
        return len(self.flows) - self.starting
