"""BOTH SIDES: policy as the datapath needs it: for one subject and direction, which peer may use which ports.

The policy engine answers by walking documents; this is what its compiler hands to the tables. Ranges stay ranges and
identities stay identities. A peer is an identity number as text (`65999`), a CIDR as text (`10.0.0.0/8`), or `any`.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass


class Outcome(enum.Enum):
    """What an entry says. `DENY` is an explicit deny; where no entry matches, an isolated subject denies by default."""

    ALLOW = 1
    DENY = 2


@dataclass(frozen=True)
class Entry:
    """One line of a compiled policy.

    `protocol` is TCP, UDP, SCTP, ICMP or ICMPV6; `first`..`last` are destination ports (0..65535), or ICMP types
    (0..255). Entries of one peer do not overlap. The entry of an identity or CIDR is complete: it already contains what
    `any` says; where it would say the same, there is none.
    `rule` is the 32-bit rule id of the document rule that decided.
    """

    peer: str
    protocol: str
    first: int
    last: int
    outcome: Outcome
    rule: int


@dataclass(frozen=True)
class Policy:
    """All entries of one subject and direction, sorted. A subject without a Policy is not isolated: everything passes.

    `by_block`: the peer's narrowest CIDR is asked too, also when the peer is an endpoint (Kubernetes' ipBlock).
    """

    by_block: bool
    entries: tuple[Entry, ...]
