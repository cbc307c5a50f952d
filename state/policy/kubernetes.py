"""BOTH SIDES: reading Kubernetes NetworkPolicy documents, with Kubernetes' meaning of empty and missing fields."""

from __future__ import annotations

from typing import Optional

from state.manifest import Json
from state.policy import blocks, metadata, ports, selectors
from state.policy.labels import ANY_NAMESPACE, NAMESPACE_LABELS, Requirement, Selector, namespace_is
from state.policy.node import Node, title
from state.policy.rules import Cidr, Peers, Ports, Rule, Rules, Section, rule_id
from state.policy.verdicts import Outcome

KIND = "NetworkPolicy"
MOST_TYPES = 2  # as Kubernetes, even of one type twice


def read(document: Node) -> Rules:
    """The rules of one document; its problems go to the node's list."""
    if not document.mapping(("apiVersion", "kind", "metadata", "spec", "status"), {}):
        return Rules()
    metadata.labels(document)
    spec = document.get("spec")
    if spec is None:
        document.wrong(f"{title(document.document)} has no spec")
        return Rules()
    return _spec(spec)


def _spec(node: Node) -> Rules:
    if not node.mapping(("podSelector", "policyTypes", "ingress", "egress"), {}):
        return Rules()
    pods = node.get("podSelector")
    subject = None if pods is None else selectors.read(pods, ())
    if pods is None:
        node.wrong(f"{node.where} needs a podSelector", "`podSelector: {}` selects every endpoint of the namespace.")
    if subject is not None:
        subject = subject.also(namespace_is(node.document.namespace))
    lists = {key: [] if (child := node.get(key)) is None else child.items() for key in ("ingress", "egress")}
    rules = [rule for key, entries in lists.items() for entry in entries for rule in _entry(entry, key, subject)]
    sections: list[Section] = []
    directions = _directions(node, bool(lists["egress"]))
    for direction in directions if subject is not None else ():
        assert subject is not None
        given = next(key for key in (direction, "policyTypes", "podSelector") if node.get(key) is not None)
        place = node.document.at((*node.path, given))
        sections.append(Section(title(node.document), direction, subject, True, place))
    return Rules(tuple(sections), tuple(rule for rule in rules if rule.direction in directions))


def _directions(node: Node, has_egress: bool) -> tuple[str, ...]:
    """The directions the policy isolates. Without policyTypes: ingress, and egress if there are egress rules."""
    given = node.get("policyTypes")
    types = [] if given is None else [item.choice(("Ingress", "Egress")) for item in given.items()]
    if given is not None and len(types) > MOST_TYPES:
        given.wrong(f"{given.where} has {len(types)} items", "There are two: Ingress and Egress.")
    if not types:
        egress = node.get("egress")
        if egress is not None and not has_egress:
            egress.warn(
                "an empty `egress` without policyTypes does not isolate egress",
                "Kubernetes reads it as if it were not there. Add `policyTypes: [Ingress, Egress]` to deny all egress.",
            )
        return ("ingress", "egress") if has_egress else ("ingress",)
    chosen = tuple(key for key, name in (("ingress", "Ingress"), ("egress", "Egress")) if name in types)
    for key in ("ingress", "egress"):
        child = node.get(key)
        if child is not None and key not in chosen and None not in types:
            child.warn(
                f"`{key}` has no effect: policyTypes does not list {key.capitalize()}",
                "Kubernetes reads only the directions that policyTypes lists. Add it there, or remove the rules.",
            )
    return chosen


def _entry(node: Node, key: str, subject: Optional[Selector]) -> list[Rule]:
    way = "from" if key == "ingress" else "to"
    before = sum(problem.severity == "error" for problem in node.problems)
    if not node.mapping((way, "ports"), {}):
        return []
    given, listed = node.get(way), node.get("ports")
    peers = _peers([] if given is None else given.items())
    items = [] if listed is None else listed.items()
    allowed: Optional[tuple[Ports, ...]] = tuple(found for item in items for found in ports.kubernetes(item)) or None
    if subject is None or sum(problem.severity == "error" for problem in node.problems) != before:
        return []
    document = node.document
    spec = document.body["spec"] if isinstance(document.body, dict) else None
    text: Json = [spec.get("podSelector") if isinstance(spec, dict) else None, key, node.value]
    number = rule_id(document.kind, document.namespace, document.name, key, text)
    return [Rule(number, title(document), key, subject, Outcome.ALLOW, peers, allowed, node.source)]


def _peers(items: list[Node]) -> Peers:
    """Whom an entry means: without any item, everyone."""
    if not items:
        return Peers(everyone=True)
    found = [_peer(item) for item in items]
    return Peers(
        selectors=tuple(peer for peer in found if isinstance(peer, Selector)),
        blocks=tuple(peer for peer in found if isinstance(peer, Cidr)),
    )


def _peer(node: Node) -> Optional[object]:
    if not node.mapping(("podSelector", "namespaceSelector", "ipBlock"), {}):
        return None
    pods, namespaces, addresses = node.get("podSelector"), node.get("namespaceSelector"), node.get("ipBlock")
    if addresses is not None:
        if pods is not None or namespaces is not None:
            node.wrong(f"{node.where} combines ipBlock with a selector", "Write them as two items of the list.")
        return blocks.ip_block(addresses)
    if pods is None and namespaces is None:
        node.wrong(f"{node.where} names no peer", "It needs podSelector, namespaceSelector or ipBlock.")
        return None
    selector = Selector() if pods is None else selectors.read(pods, ())
    scope = None if namespaces is None else selectors.read(namespaces, ())
    if selector is None or (namespaces is not None and scope is None):
        return None
    if scope is None:
        return selector.also(namespace_is(node.document.namespace))
    renamed = (_of_namespace(item) for item in scope.requirements)
    return selector.also(*renamed, ANY_NAMESPACE)


def _of_namespace(requirement: Requirement) -> Requirement:
    return Requirement("k8s", NAMESPACE_LABELS + requirement.key, requirement.operator, requirement.values)
