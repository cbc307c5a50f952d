"""Rows of packet tests: what is said, under which policies, and packets one by one with what becomes of each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Optional, Union

from tests.bpf.datapath import Datapath, Outcome
from tests.bpf.packets import SYN, TCP, Ip, hopped, icmp, tcp, udp
from tests.bpf.world import DB_ID, DB_MAC, FAR, HOST_MAC, IPV4, IPV6, WEB_ID, WEB_MAC, Family, Rules, tables

OTHER_DEVICE = 9
"""Stands for a device that a forwarded packet came in by."""
NUMBERS = {"web": WEB_ID, "db": DB_ID}
_NAMES = {number: name for name, number in NUMBERS.items()}
MARKS = {"tunnel": 0x100, "uplink": 0x200}
MACS = {"web": WEB_MAC, "db": DB_MAC}
Packet = Callable[[Family], Union[Ip, bytes]]


@dataclass(frozen=True)
class Step:
    """One packet.

    `at` is where it is seen: an endpoint's name (it sends), `to NAME` (its host's stack sends to it), `overlay`,
    `to overlay`, `uplink`, `to uplink`. `then` is `stack`, `drop`, `tunnel`, `uplink`, or the endpoint that gets it.
    `host` and `identity` are what the tunnel says of a packet at `overlay`. `audits` are the denials that are told of
    and let through, in order: of which policy, and why.
    """

    at: str
    packet: Packet
    then: str
    why: str
    forwarded: bool = False
    mark: int = 0
    out_mark: int = 0
    host: str = "beta"
    identity: int = FAR
    rule: Optional[int] = None
    policy: str = ""
    audits: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Change:
    """Another policy, in one store."""

    rules: Rules


@dataclass(frozen=True)
class Do:
    """Something done to the host between two packets."""

    act: Callable[[Datapath], None]


@dataclass(frozen=True)
class Row:
    """One test. It runs in both families, unless `only` says which and why. `audited` are endpoints that are."""

    says: str
    steps: tuple[Union[Step, Change, Do], ...]
    rules: Rules = field(default_factory=Rules)
    only: str = ""
    native: bool = False
    audited: tuple[str, ...] = ()

    def families(self) -> tuple[Family, ...]:
        """The families it runs in."""
        if not self.only:
            return (IPV4, IPV6)
        name, _, reason = self.only.partition(": ")
        assert reason, f"{self.says}: a row of one family says why"
        return (IPV4,) if name == "IPv4" else (IPV6,)


def cases(rows: tuple[Row, ...]) -> dict[str, Any]:
    """Arguments of pytest.mark.parametrize."""
    pairs = [(row, family) for row in rows for family in row.families()]
    return {
        "argnames": ("row", "family"),
        "argvalues": pairs,
        "ids": [f"{row.says} ({family})".replace("/", " per ") for row, family in pairs],
    }


def check(datapath: Datapath, row: Row, family: Family, underlay: int = 4) -> None:
    """Send the row's packets; every verdict, packet, counter and event must be as the row says."""
    datapath.reset(tables(row.rules, underlay), tunnel_port=0 if row.native else 8472)
    datapath.audit(*(NUMBERS[name] for name in row.audited))
    rules = row.rules
    for number, step in enumerate(row.steps):
        if isinstance(step, Change):
            rules = step.rules
            datapath.switch(tables(rules, underlay))
        elif isinstance(step, Do):
            step.act(datapath)
        else:
            _check_step(f"step {number} at {step.at}", _send(datapath, step, family, underlay), step, family, rules)


def _send(datapath: Datapath, step: Step, family: Family, underlay: int) -> Outcome:
    frame = _frame(step, family)
    if step.at == "overlay":
        return datapath.run_tunnelled(frame, getattr(IPV4 if underlay == 4 else IPV6, step.host), step.identity)
    came = OTHER_DEVICE if step.forwarded else 0
    if step.at in NUMBERS:
        return datapath.run("from_endpoint", frame, NUMBERS[step.at], OTHER_DEVICE, step.mark)
    if step.at.startswith("to ") and step.at[3:] in NUMBERS:
        return datapath.run("to_endpoint", frame, NUMBERS[step.at[3:]], came, step.mark)
    if step.at == "nobody":
        return datapath.run("from_endpoint", frame, 0, OTHER_DEVICE, step.mark)
    point = {"to overlay": "to_overlay", "uplink": "from_uplink", "to uplink": "to_uplink"}[step.at]
    return datapath.run(point, frame, 0, came, step.mark)


def _frame(step: Step, family: Family) -> bytes:
    packet = step.packet(family)
    return packet if isinstance(packet, bytes) else packet.frame()


def _check_step(where: str, outcome: Outcome, step: Step, family: Family, rules: Rules) -> None:
    direction = "egress" if step.at in ("web", "db", "nobody", "to overlay", "to uplink") else "ingress"
    assert [reason for reason, _ in outcome.counted] == ([step.why] if step.why else []), where
    verdict = {"stack": "pass", "drop": "drop"}.get(step.then, "redirect")
    assert outcome.verdict == verdict, where
    if step.then in NUMBERS:
        packet = step.packet(family)
        if isinstance(packet, Ip):
            assert outcome.packet == hopped(packet, HOST_MAC, MACS[step.then]), where
    if step.then == "drop":
        (event,) = [event for event in outcome.events if event.type == "drop"]
        assert event.reason == step.why, where
        assert step.rule is None or event.rule == step.rule, where
        assert not step.policy or event.policy == rules.numbers()[step.policy], where
        if step.policy:
            assert event.direction == step.policy.partition("_")[2], where
            assert event.endpoint == NUMBERS[step.policy.partition("_")[0]], where
    else:
        assert not [event for event in outcome.events if event.type == "drop"], where
        assert outcome.mark & 0xF00 == MARKS.get(step.then, step.out_mark), where
        assert outcome.mark & ~0xF00 == step.mark & ~0xF00, where
        if step.why:
            assert outcome.counted == ((step.why, direction),), where
    audits = [event for event in outcome.events if event.type == "audit"]
    told = [(f"{_NAMES[event.endpoint]}_{event.direction}", event.policy, event.reason) for event in audits]
    assert told == [(policy, rules.numbers()[policy], reason) for policy, reason in step.audits], where
    if step.audits and step.rule is not None and step.then != "drop":
        assert {event.rule for event in audits} == {step.rule}, where
    if step.why == "passed new" and step.rule:
        assert step.rule in [event.rule for event in outcome.events], where


def web(f: Family, to: str, payload: bytes = b"", protocol: int = TCP, **fields: Any) -> Ip:
    """A packet that web sends: TCP 1000 -> 80, the first one, if nothing else is said."""
    return Ip(f.web, getattr(f, to), protocol, payload or tcp(1000, 80, SYN), source_mac=WEB_MAC, **fields)


def db(f: Family, to: str, payload: bytes = b"", protocol: int = TCP, **fields: Any) -> Ip:
    """A packet that db sends, the same way."""
    return Ip(f.db, getattr(f, to), protocol, payload or tcp(1000, 80, SYN), source_mac=DB_MAC, **fields)


def other(f: Family, source: str, to: str, payload: bytes = b"", protocol: int = TCP, **fields: Any) -> Ip:
    """A packet from elsewhere, the same way."""
    return Ip(getattr(f, source), getattr(f, to), protocol, payload or tcp(1000, 80, SYN), **fields)


def ask(f: Family) -> bytes:
    """An echo request."""
    return icmp(f.echo, identifier=77)


def answer(f: Family) -> bytes:
    """Its reply."""
    return icmp(f.echo_reply, identifier=77)


def dgram(source: int = 1000, destination: int = 53) -> bytes:
    """A UDP datagram."""
    return udp(source, destination)
