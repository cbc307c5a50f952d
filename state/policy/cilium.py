"""BOTH SIDES: reading CiliumNetworkPolicy and CiliumClusterwideNetworkPolicy documents, `spec` and `specs`."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Optional

from state.manifest import Json
from state.policy import layer7, metadata, peers, ports, selectors
from state.policy.cidr_groups import Groups
from state.policy.labels import NAMESPACE, Selector, namespace_is
from state.policy.node import Node, title
from state.policy.ports import MOST
from state.policy.rules import Peers, Ports, Rule, Rules, Section, rule_id
from state.policy.shapes import Check, each, fields, name, text
from state.policy.unenforced import FROM, NOT_IN_DENIALS, PORTS, SPEC, TO, Refused
from state.policy.verdicts import Outcome

CLUSTERWIDE = "CiliumClusterwideNetworkPolicy"
KINDS = ("CiliumNetworkPolicy", CLUSTERWIDE)
ABOUT: Mapping[str, Check] = {
    "description": text,
    "labels": each(fields({"key": name, "value": text, "source": text}, required=("key",))),
}
LONGEST_LOG = 32  # as Cilium
DIRECTIONS = {
    "ingress": ("ingress", Outcome.ALLOW),
    "ingressDeny": ("ingress", Outcome.DENY),
    "egress": ("egress", Outcome.ALLOW),
    "egressDeny": ("egress", Outcome.DENY),
}


def read(document: Node, groups: Groups) -> Rules:
    """The rules of one document, which may refer to `groups`; its problems go to the node's list."""
    if not document.mapping(("apiVersion", "kind", "metadata", "spec", "specs", "description", "status"), {}):
        return Rules()
    metadata.labels(document)
    spec, specs = document.get("spec"), document.get("specs")
    found = ([] if spec is None else [spec]) + ([] if specs is None else specs.items())
    if spec is None and (specs is None or specs.value == []):
        document.wrong(
            f"{title(document.document)} has no spec", "A policy says what it means under `spec` or `specs`."
        )
    parts = [_spec(node, groups) for node in found]
    return Rules(
        tuple(section for part in parts for section in part.sections),
        tuple(rule for part in parts for rule in part.rules),
    )


@dataclass(frozen=True)
class _Spec:
    """What all entries of a spec share: whom they are about, whether those are hosts, the log, and the groups."""

    subject: Optional[Selector]
    hosts: bool
    log: str
    groups: Groups


def _spec(node: Node, groups: Groups) -> Rules:
    if not node.mapping((*ABOUT, "endpointSelector", "enableDefaultDeny", "log", *DIRECTIONS), SPEC):
        return Rules()
    _about(node)
    spec, isolation = _Spec(_subject(node), node.get("nodeSelector") is not None, _log(node), groups), _isolation(node)
    lists = {key: [] if (child := node.get(key)) is None else child.items() for key in DIRECTIONS}
    if all((child := node.get(key)) is None or child.value == [] for key in DIRECTIONS):
        node.wrong(
            f"{node.where} says nothing: none of {', '.join(DIRECTIONS)} has an entry",
            "In a Cilium policy an empty list does not isolate. `ingress: [{}]` denies everything that comes in.",
        )
    rules = [_rule(entry, key, spec) for key, entries in lists.items() for entry in entries]
    if spec.subject is None:
        return Rules()
    sections: list[Section] = []
    for direction in ("ingress", "egress"):
        speaking = [key for key in (direction, f"{direction}Deny") if lists[key]]
        if speaking or isolation[direction]:
            place = node.document.at((*node.path, speaking[0] if speaking else "enableDefaultDeny"))
            if not speaking:
                _warn_of_silence(node, direction)
            isolates = bool(speaking) if isolation[direction] is None else bool(isolation[direction])
            sections.append(Section(title(node.document), direction, spec.subject, isolates, place, spec.hosts))
    return Rules(tuple(sections), tuple(rule for rule in rules if rule is not None))


def _warn_of_silence(node: Node, direction: str) -> None:
    switch = node.get("enableDefaultDeny")
    if switch is not None:
        switch.warn(
            f"{switch.where} isolates {direction}, of which {node.where} says nothing",
            "That is what the field says, and netctl does it. Cilium itself looks at the switch only where there are "
            f"entries: write `{direction}: [{{}}]` for the same in both.",
        )


def _about(node: Node) -> None:
    """Check what a spec says about itself. It decides nothing."""
    for key, check in ABOUT.items():
        child = node.get(key)
        if child is not None:
            check(child)


def _log(node: Node) -> str:
    """The text that goes with every event about the rules."""
    given = node.get("log")
    written = None if given is None or not given.mapping(("value",), {}) else given.get("value")
    found = "" if written is None else written.text() or ""
    if written is not None and not (len(found) <= LONGEST_LOG and found.isprintable()):
        written.wrong(f"{written.where} is too long, or not printable", f"It has at most {LONGEST_LOG} characters.")
    return found


def _isolation(node: Node) -> dict[str, Optional[bool]]:
    given = node.get("enableDefaultDeny")
    if given is None or not given.mapping(("ingress", "egress"), {}):
        return {"ingress": None, "egress": None}
    return {key: None if (child := given.get(key)) is None else child.boolean() for key in ("ingress", "egress")}


def _subject(node: Node) -> Optional[Selector]:
    given, hosts = node.get("endpointSelector"), node.get("nodeSelector")
    if hosts is not None:
        return _hosts(node, hosts)
    if given is None:
        node.wrong(f"{node.where} needs an endpointSelector", "`endpointSelector: {}` selects every endpoint.")
        return None
    selector = selectors.read(given, selectors.SOURCES)
    namespace = node.document.namespace
    if selector is None or node.document.kind != "CiliumNetworkPolicy":
        return selector
    named = [item for item in selector.requirements if item.source in ("any", "k8s") and item.key == NAMESPACE]
    for item in named:
        if item.operator in ("NotIn", "DoesNotExist") or (item.operator == "In" and item.values != (namespace,)):
            given.wrong(
                f"{title(node.document)} selects endpoints of another namespace",
                f"It applies in its own namespace, `{namespace}`. Put it into the other namespace, or use a "
                "CiliumClusterwideNetworkPolicy.",
            )
            return None
    return selector.also(namespace_is(namespace))


def _hosts(node: Node, given: Node) -> Optional[Selector]:
    if node.get("endpointSelector") is not None:
        node.wrong(f"{node.where} combines endpointSelector and nodeSelector", "Rules are about endpoints or hosts.")
    if node.document.kind != CLUSTERWIDE:
        given.wrong(f"{title(node.document)} selects hosts", f"Hosts are in no namespace: write it as a {CLUSTERWIDE}.")
    return selectors.read(given, selectors.SOURCES)


def _rule(node: Node, key: str, spec: _Spec) -> Optional[Rule]:
    direction, outcome = DIRECTIONS[key]
    way, refused = ("from", FROM) if direction == "ingress" else ("to", TO)
    before = sum(problem.severity == "error" for problem in node.problems)
    denied = NOT_IN_DENIALS if outcome is Outcome.DENY else ()
    refused = {key: refusal for key, refusal in refused.items() if key not in denied}
    if not node.mapping((*(f"{way}{kind}" for kind in peers.ENFORCED), "toPorts", "icmps", *denied), refused):
        return None
    _deniable(node, denied)
    whom, allowed = peers.read(node, way, spec.groups), _ports(node, key, spec.hosts)
    if whom is None:  # nothing is said of the other end: with ports everyone is meant, without them nobody
        if allowed is None:
            return None
        whom = Peers(everyone=True)
    wrong = sum(problem.severity == "error" for problem in node.problems) != before
    if spec.subject is None or wrong or whom == Peers() or allowed == ():
        return None
    document = node.document
    about = {"nodeSelector": _raw(node, "nodeSelector")} if spec.hosts else _raw(node, "endpointSelector")
    said: Json = [about, key, node.value]
    number = rule_id(document.kind, document.namespace, document.name, direction, said)
    return Rule(
        number, title(document), direction, spec.subject, outcome, whom, allowed, node.source, spec.log, spec.hosts
    )


def _deniable(node: Node, never: Collection[str]) -> None:
    """Note what a denial has that only an allow may have."""
    for key in never:
        child = node.get(key)
        if child is not None:
            child.wrong(f"a denial has no {key}", "It speaks of peers, ports and kinds of ICMP alone, for Cilium too.")


def _raw(node: Node, key: str) -> Json:
    """A field of the spec that the entry stands in."""
    value: Json = node.document.body
    for step in node.path[:-2]:
        if isinstance(value, dict):
            value = value[str(step)]
        elif isinstance(value, list):
            value = value[int(step)]
    return value.get(key) if isinstance(value, dict) else None


def _ports(node: Node, key: str, hosts: bool) -> Optional[tuple[Ports, ...]]:
    """The ports and kinds of ICMP; None where the entry does not say, () where it says so little that it means none."""
    to_ports, icmps = node.get("toPorts"), node.get("icmps")
    rows = [] if to_ports is None else to_ports.items()
    kinds = [] if icmps is None else icmps.items()
    if rows and kinds and icmps is not None:
        icmps.wrong(f"{node.where} combines toPorts and icmps", "Write one entry for each; entries are alternatives.")
    if not rows and not kinds:
        return None
    found: list[Ports] = []
    direction, outcome = DIRECTIONS[key]
    allows = outcome is Outcome.ALLOW
    denied = () if allows else tuple(PORTS)
    refused: Refused = PORTS if allows else {}
    for row in rows:
        if row.mapping(("ports", *denied), refused):
            _deniable(row, denied)
            found += _listed(row, "ports", ports.cilium)
            if allows:
                layer7.fits(row, direction, hosts)
    for kind in kinds:
        if kind.mapping(("fields",), {}):
            found += _listed(kind, "fields", ports.icmp)
    return tuple(found)


def _listed(node: Node, key: str, reader: Callable[[Node], list[Ports]]) -> list[Ports]:
    children = [] if (child := node.get(key)) is None else child.items()
    if len(children) > MOST:
        node.wrong(f"{node.where} has {len(children)} {key}; Cilium allows {MOST}", "Write several entries.")
    return [found for item in children for found in reader(item)]
