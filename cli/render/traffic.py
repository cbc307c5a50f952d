"""WORKSTATION: traffic that starts or stops being allowed, in words: for the terminal, and for Markdown's diff fences.

Traffic
  + app=web namespace=shop (2 endpoints) -> shop/db-1  5433/TCP  denied -> allowed   # policies/web.yaml:23
  - app=web namespace=shop (2 endpoints) -> shop/db-1  5432/TCP  allowed -> denied   # policies/web.yaml:22

Traffic: 1 flow starts and 1 stops being allowed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from cli.render.page import BAD, CARE, FAINT, GOOD, STRONG, Line, line
from cli.render.words import labels_text
from state.traffic import ENDPOINTS, WORLD, Flow, Participants, PortRange, Traffic

MOST = 40  # flows that are shown; JSON has them all
NAMED = 3  # identities of one end that are named, blocks, and lines that decide
RANGES = 6  # of ports
WIDTH = 92  # flows are aligned up to this width
WHOLE_WORLD = ("0.0.0.0/0", "::/0")
L4 = frozenset({"TCP", "UDP", "SCTP"})
EVERY = L4 | {"ICMP", "ICMPV6"}


def lines(traffic: Traffic | None) -> Iterator[Line]:
    """The section of a plan about its traffic; nothing where no verdict changes."""
    if traffic is None or not traffic.flows:
        return
    yield line(("Traffic", STRONG))
    shown = traffic.flows[:MOST]
    heads = [f"{between(flow)}  {what(flow)}" for flow in shown]
    width = max((len(head) for head in heads if len(head) <= WIDTH), default=0)
    for flow, head in zip(shown, heads, strict=True):
        sign = ("  + ", GOOD) if flow.allowed else ("  - ", BAD)
        doubt = ("" if flow.certain else "  (if the other end, which was not asked, lets it)", CARE)
        because = rules(flow)
        yield line(sign, f"{head:<{width}}  {verdicts(flow)}", doubt, (f"   # {because}" if because else "", FAINT))
    if more := len(traffic.flows) - len(shown):
        yield line((f"    # ({more} more; --format json lists them all)", FAINT))


def totals(traffic: Traffic | None) -> Iterator[Line]:
    """What the traffic comes to, for the end of a plan."""
    if traffic is None:
        return
    yield line(("Traffic:", STRONG), f" {total(traffic)}.")
    if traffic.not_asked:
        yield line(("Not asked:", CARE), f" {unknown(traffic)}")


def total(traffic: Traffic) -> str:
    """`2 flows start and 1 stops being allowed; 5 endpoints are new`."""
    start, stop = traffic.starting, traffic.stopping
    if start and stop:
        said = f"{_count(start, 'flow')} {_verb(start, 'start')} and {stop} {_verb(stop, 'stop')} being allowed"
    elif start or stop:
        verb = _verb(start, "start") if start else _verb(stop, "stop")
        said = f"{_count(start or stop, 'flow')} {verb} being allowed"
    else:
        said = ""
    come, go = len(traffic.arriving), len(traffic.leaving)
    new = f"{_count(come, 'endpoint')} {'is' if come == 1 else 'are'} new" if come else ""
    gone = f"{_count(go, 'endpoint')} {_verb(go, 'go')}" if go else ""
    others = ", ".join(part for part in (new, gone) if part)
    if not said:
        return f"{others}; no other verdict changes" if others else "no verdict changes"
    return f"{said}; {others}" if others else said


def unknown(traffic: Traffic) -> str:
    """Whose tables nobody has read, and what that means."""
    names = ", ".join(traffic.not_asked)
    return f"{names}. What they enforce is not known: flows with their endpoints are told as if they let all pass."


def between(flow: Flow) -> str:
    """`app=web namespace=shop (2 endpoints) -> shop/db-1`."""
    return f"{_side(flow.sources)} -> {_side(flow.destinations)}"


def what(flow: Flow) -> str:
    """The ports, and the family where it is one of two."""
    family = "".join(f" over IPv{version}" for version in flow.families)
    return f"{ports(flow.ports)}{family}"


def verdicts(flow: Flow) -> str:
    """What was, and what will be."""
    return "denied -> allowed" if flow.allowed else "allowed -> denied"


def rules(flow: Flow) -> str:
    """The lines that decide."""
    named = [f"{rule.file}:{rule.line}" for rule in flow.rules]
    more = [f"and {len(named) - NAMED} more"] if len(named) > NAMED else []
    return ", ".join([*named[:NAMED], *more])


def ports(found: Sequence[PortRange]) -> str:
    """`5432/TCP`, `8000-8080/TCP`, `53/ANY` for all protocols with ports, `TCP`, `ICMP type 8`, `everything`."""
    whole = frozenset(item.protocol for item in found if _is_whole(item))
    if whole == EVERY:
        return "everything"
    texts = list(dict.fromkeys(_range(_as_any(item, found)) for item in found))
    more = [f"and {len(texts) - RANGES} more ranges"] if len(texts) > RANGES else []
    return ", ".join([*texts[:RANGES], *more])


def _side(ends: Sequence[Participants]) -> str:
    many = [end for end in ends if end.kind == ENDPOINTS]
    if len(many) <= NAMED:
        return ", ".join(map(_name, ends))
    others = [_name(end) for end in ends if end.kind != ENDPOINTS]
    labels = f"{len(many)} sets of labels ({_count(sum(len(end.names) for end in many), 'endpoint')})"
    return ", ".join([labels, *others])


def _name(end: Participants) -> str:
    if end.kind == WORLD:
        return _world(end)
    if end.kind != ENDPOINTS:
        return end.kind
    if len(end.names) == 1:
        return end.names[0]
    count = _count(end.total, "endpoint")
    return f"{labels_text(end.labels)} ({count if len(end.names) == end.total else f'{len(end.names)} of {count}'})"


def _world(end: Participants) -> str:
    texts = [
        f"{region.cidr} except {', '.join(region.excepts)}" if region.excepts else region.cidr for region in end.regions
    ]
    if tuple(texts) == WHOLE_WORLD:
        return "world"
    more = [f"and {len(texts) - NAMED} more blocks"] if len(texts) > NAMED else []
    return f"world {'; '.join([*texts[:NAMED], *more])}"


def _as_any(found: PortRange, others: Sequence[PortRange]) -> PortRange:
    """The same of `ANY`, as policies call TCP, UDP and SCTP together, where all three are there."""
    alike = {item.protocol for item in others if (item.first, item.last) == (found.first, found.last)}
    return replace(found, protocol="ANY") if found.protocol in L4 and alike >= L4 and not _is_whole(found) else found


def _range(found: PortRange) -> str:
    if _is_whole(found):
        return found.protocol
    numbers = f"{found.first}" if found.first == found.last else f"{found.first}-{found.last}"
    if found.protocol.startswith("ICMP"):
        return f"{found.protocol} type {numbers}"
    return f"{numbers}/{found.protocol}"


def _is_whole(found: PortRange) -> bool:
    return found.first == 0 and found.last == (255 if found.protocol.startswith("ICMP") else 65535)


def _count(number: int, word: str) -> str:
    return f"{number} {word}{'' if number == 1 else 's'}"


def _verb(number: int, word: str) -> str:
    return word if number != 1 else f"{word}es" if word.endswith("o") else f"{word}s"
