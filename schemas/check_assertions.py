"""DATA: whether assertions are about somebody: their ends exist, and their selectors select, or they always hold."""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import IPv4Address, IPv6Address
from typing import Union

from schemas.asserted import end_nodes, selector
from schemas.build import split
from schemas.positions import Node
from schemas.report import Report, did_you_mean, suggest
from schemas.sections import Sections
from schemas.shape import shown
from state.allocation import labels_of
from state.manifest import Manifest
from state.policy import said
from state.policy.labels import Labels, Selector


def check(sections: Sections, manifest: Manifest, report: Report, labels: bool = True) -> None:
    """Report assertions about nobody or nothing. `labels`: whether those of all endpoints are known."""
    known = {key: Labels(labels_of(manifest, endpoint)) for key, endpoint in manifest.endpoints.items()}
    for node in sections.assertions:
        _what(node, sections, report)
        for side in ("from", "to"):
            for end in end_nodes(node.fields.get(side)):
                if isinstance(end.value, dict):
                    _selector(side, end, known if labels else {}, labels, report)
                else:
                    _party(side, end, sections, report)
        if labels:
            _itself(node, known, report)


def _what(node: Node, sections: Sections, report: Report) -> None:
    """An assertion is about one port, several, or ICMP."""
    given = [name for name in ("port", "ports", "protocol") if name in node.fields]
    if not sections.asserted[node.source] & {"port", "ports", "protocol"}:
        report.error(
            node.source,
            "an assertion needs a port or a protocol",
            "Write `port: 80/TCP`, `ports: [80/TCP, 8000-8010/TCP]` or `protocol: ICMP`.",
        )
    if given == ["port", "ports"]:
        report.error(
            node.fields["port"].place, "an assertion has a port or ports, not both", "Put the port into the list."
        )
    elif len(given) > 1:
        report.error(
            node.fields["protocol"].place,
            "an assertion has a port or a protocol, not both",
            "The port names its protocol: `port: 80/TCP`. Only ICMP has none.",
        )


def _selector(side: str, node: Node, known: dict[str, Labels], told: bool, report: Report) -> None:
    found, problems = selector(node)
    report.add(problems)
    if found is not None and told and not any(found.matches(labels) for labels in known.values()):
        report.error(
            node.source,
            f"{side}: no endpoint has {said.selector(found)}",
            f"An assertion about nobody would always hold. {_meant(found, known.values())}".rstrip(),
        )


def _meant(wanted: Selector, known: Iterable[Labels]) -> str:
    """The value that was probably meant where no endpoint has the one that is written."""
    for item in wanted.requirements:
        values = {value for labels in known for value in labels.values(item.source, item.key)}
        if item.operator == "In" and values.isdisjoint(item.values):
            return next((hint for value in item.values if (hint := did_you_mean(value, values))), "")
    return ""


def _itself(node: Node, known: dict[str, Labels], report: Report) -> None:
    """Between one endpoint and itself nothing is ever denied: where selectors leave no other pair, nothing is asked."""
    several = any(isinstance(end.value, dict) for side in ("from", "to") for end in end_nodes(node.fields.get(side)))
    ends = [_members(node.fields.get(side), known) for side in ("from", "to")]
    if several and len(ends[0]) == 1 and ends[0] == ends[1]:
        (name,) = ends[0]
        report.error(
            node.source,
            f"the assertion is about nothing: both of its ends are {name} alone",
            "An endpoint always reaches itself, so a selector's endpoints are not asked about themselves.",
        )


def _members(node: Union[Node, None], known: dict[str, Labels]) -> set[str]:
    found: set[str] = set()
    for end in end_nodes(node):
        chosen = selector(end)[0] if isinstance(end.value, dict) else None
        found.update(key for key, labels in known.items() if chosen is not None and chosen.matches(labels))
        found.update([end.text] if end.text else [])
    return found


def _never_outside(address: Union[IPv4Address, IPv6Address]) -> str:
    """What sort of address this is, if it is one that nobody in the world can have; else empty."""
    sorts = {
        "a multicast address": address.is_multicast,
        "the unspecified address": address.is_unspecified,
        "a loopback address": address.is_loopback,
        "a link-local address": address.is_link_local,
        "a reserved address": address.version == 4 and (address.is_reserved or int(address) >> 24 == 0),
    }
    return next((what for what, is_one in sorts.items() if is_one), "")


def _party(side: str, node: Node, sections: Sections, report: Report) -> None:
    name = node.text
    if name in sections.endpoint_keys or name in sections.host_names:
        return
    if address := next((found for found in split(name) if found is not None), None):
        if what := _never_outside(address):
            report.error(
                node.source,
                f"{side}: {shown(node)} is {what}",
                "Nobody outside has it: an assertion is about an endpoint, a host, or a unicast address.",
            )
        return
    known = [*sections.endpoint_keys, *sections.host_names]
    whole = [key for key in sorted(sections.endpoint_keys) if key.partition("/")[2] == name]
    hint = f'Did you mean "{whole[0]}"?' if whole else suggest(name, known, "Known are")
    report.error(
        node.source,
        f"{side}: {shown(node)} is neither an endpoint, nor a host, nor an address",
        hint or "Write NAMESPACE/NAME of an endpoint, the name of a host, or an address.",
    )
