"""WORKSTATION: a status report for people.

alpha: in sync
  agent 0e8faf2a, python 3.11.2, kernel 6.1.176 without tcx
  programs endpoint 3f2a91c0, overlay 77d012ab, uplink 1b2c3d4e (by clsact), policy epoch 12
  maps 8 of 14 in use, fullest: addresses 12 of 262144
beta: drifted, 1 to change
  ~ device nc-0001   mtu = 1400 -> 1450   # netctl.yaml:52
  ...
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from cli import exits
from cli.render import terminal
from cli.render.page import BAD, CARE, FAINT, GOOD, STRONG, Line, line
from cli.render.words import Words
from cli.report import Answer, Datapath, Map, Report
from state.facts import Features
from state.plan import HostPlan
from state.problem import errors

SHORT = 8  # of a digest
SHOWN = 10  # differences
FILLED = 3  # maps that are named
LACKS = {"tcx": "tcx", "btf": "BTF", "jit": "JIT", "nft": "nftables"}


def lines(report: Report, words: Words) -> list[Line]:
    """A section for each host, and the sum of it."""
    page: list[Line] = []
    for host in report.plan.hosts:
        page += _host(host, report.answers.get(host.host), report.audited.get(host.host, ()), words)
    away = sum(host.exit_code == exits.UNREACHABLE for host in report.plan.hosts)
    failed = sum(host.host not in report.answers for host in report.plan.hosts) - away
    fine = sum(host.host in report.answers and host.in_sync for host in report.plan.hosts)
    drifted = len(report.plan.hosts) - away - failed - fine
    unseen = f", {failed} not observed" if failed else ""
    return [*page, line(), line(f"{fine} in sync, {drifted} drifted, {away} unreachable{unseen}.")]


def _host(plan: HostPlan, answer: Answer | None, audited: Sequence[str], words: Words) -> Iterator[Line]:
    title = (plan.host, STRONG)
    if answer is None:
        word = "unreachable" if plan.exit_code == exits.UNREACHABLE else "not observed"
        yield line(title, ": ", (word, BAD), f", {plan.problems[0].summary}" if plan.problems else "")
        return
    if plan.changes:
        yield line(title, ": ", ("drifted", CARE), f", {terminal.total(plan.changes)}")
        yield from terminal.changes(plan.changes[:SHOWN], words)
        if plan.changes[SHOWN:]:
            yield line((f"      # ({len(plan.changes) - SHOWN} more: netctl plan --host {plan.host})", FAINT))
    elif plan.in_sync:
        yield line(title, ": ", ("in sync", GOOD))
    else:
        yield line(title, ": ", ("drifted", CARE), ", and what is in the way keeps it from being repaired")
    for key in plan.pending:
        yield line("  ! ", ("pending", CARE), f" {key}: its network namespace is not there yet")
    if audited:
        yield line("  ! ", ("audited", CARE), f", so that no policy of theirs denies anything: {', '.join(audited)}")
    for problem in errors(plan.problems):
        yield line("  ! ", ("blocked", BAD), f": {problem.summary}")
    hello = answer.hello
    kernel = f"kernel {hello.kernel}{_without(answer.seen.facts.features)}"
    yield line((f"    agent {hello.digest[:SHORT]}, python {hello.python}, {kernel}", FAINT))
    yield from _datapath(answer.datapath)


def _without(features: Features) -> str:
    """What the kernel lacks and netctl does without."""
    lacks = [word for name, word in LACKS.items() if not getattr(features, name)]
    return f" without {', '.join(lacks)}" if lacks else ""


def _datapath(datapath: Datapath) -> Iterator[Line]:
    if datapath.missing:
        yield line("  ! ", ("no datapath", BAD), f": {'; '.join(datapath.missing)}")
        return
    programs = ", ".join(f"{item.name} {item.digest[:SHORT]}" for item in datapath.programs) or "none"
    yield line((f"    programs {programs} (by {datapath.attach}), policy epoch {datapath.epoch}", FAINT))
    if datapath.maps:
        yield line((f"    maps {_fill(datapath.maps)}", FAINT))
    drops = [item for item in datapath.counters if not item.reason.startswith("passed")]
    if drops:
        told = ", ".join(f"{item.packets} {item.direction} ({item.reason})" for item in drops)
        yield line((f"    dropped {told}", FAINT))


def _fill(maps: Sequence[Map]) -> str:
    """The fullest maps, by how much of their capacity is taken."""
    counted = [item for item in maps if item.entries > 0 and item.capacity]
    fullest = sorted(counted, key=lambda item: (-item.entries / item.capacity, item.name))[:FILLED]
    named = ", ".join(f"{item.name} {item.entries} of {item.capacity}" for item in fullest)
    return f"{len(maps)}, {len(counted)} in use" + (f", fullest: {named}" if named else "")
