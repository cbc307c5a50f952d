"""BOTH SIDES: all policy documents of a manifest: read into rules, and checked, every problem at once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Optional

from state.manifest import Document, Manifest, Port
from state.policy import cidr_groups, cilium, kubernetes
from state.policy.cidr_groups import Groups
from state.policy.labels import (
    HOST,
    REMOTE_NODE,
    RESERVED,
    WORLD_IPV4,
    WORLD_IPV6,
    Labels,
    Selector,
    host_labels,
    identity_labels,
)
from state.policy.node import Node, root
from state.policy.rules import Rule, Rules, Section, lies_inside
from state.problem import ManifestError, Problem, errors

EVERY_PROTOCOL = ("SCTP", "TCP", "UDP")
POLICIES = (*cilium.KINDS, kubernetes.KIND)


def read(documents: Iterable[Document]) -> tuple[Rules, list[Problem]]:
    """The rules of the documents in their order, and everything that is wrong with the documents themselves."""
    sections: list[Section] = []
    rules: list[Rule] = []
    problems: list[Problem] = []
    nodes = [root(document, problems) for document in documents]
    groups = cidr_groups.read(nodes)
    for node in nodes:
        found = _rules(node, groups)
        sections += found.sections
        rules += found.rules
    return Rules(tuple(sections), tuple(rules)), problems


def rules_of(documents: Iterable[Document]) -> Rules:
    """The rules of documents that were checked; ManifestError where they cannot be enforced as they stand."""
    rules, problems = read(documents)
    if wrong := errors(problems):
        raise ManifestError(*wrong)
    return rules


def check(manifest: Manifest, labels: bool = True, ports: bool = True) -> list[Problem]:
    """Everything wrong with the manifest's policies, errors and warnings, in the order of the documents.

    `labels` and `ports`: whether those of all endpoints are known. What is not known is not missed.
    """
    rules, problems = read(manifest.documents)
    problems += collisions(rules.rules)
    parties = _parties(manifest)
    hosts = [Labels(host_labels(host.labels)) for host in manifest.hosts.values()]
    problems += _dangling(rules, parties, hosts) if labels else ()
    problems += _named_ports(rules, parties) if ports else ()
    problems += _managed_blocks(rules, manifest)
    return problems


def collisions(rules: Iterable[Rule]) -> Iterator[Problem]:
    """Rules that say different things and hash to the same number: events could not tell them apart."""
    seen: dict[int, Rule] = {}
    for rule in rules:
        first = seen.setdefault(rule.id, rule)
        if (first.document, first.direction, first.subject, first.outcome, first.peers, first.ports) != (
            (rule.document, rule.direction, rule.subject, rule.outcome, rule.peers, rule.ports)
        ):
            yield Problem(
                f"two rules have the number {rule.id}: here and at {first.source}",
                "Rules are known by a hash of their text, and these two have the same. Change either in a way that "
                "keeps its meaning, for example the order of its ports.",
                rule.document,
                rule.source,
            )


def _rules(node: Node, groups: Groups) -> Rules:
    """What a document says of its own; a group says something only where a rule refers to it."""
    kind = node.document.kind
    if kind in cilium.KINDS:
        return cilium.read(node, groups)
    if kind == kubernetes.KIND:
        return kubernetes.read(node)
    if kind != cidr_groups.KIND:
        node.wrong(f"netctl does not know documents of kind {kind}", f"Policies are {', '.join(POLICIES)}.")
    return Rules()


@dataclass(frozen=True)
class _Party:
    """Somebody a selector may mean; `key` is empty for what is no endpoint."""

    key: str
    identity: tuple[str, ...]
    labels: Labels
    ports: Mapping[str, Port]


def _parties(manifest: Manifest) -> list[_Party]:
    found = [
        _Party("", RESERVED[number], Labels(RESERVED[number]), {})
        for number in (HOST, REMOTE_NODE, WORLD_IPV4, WORLD_IPV6)
    ]
    for endpoint in manifest.endpoints.values():
        space = manifest.namespaces.get(endpoint.namespace)
        labels = identity_labels(
            endpoint.labels, endpoint.namespace, {} if space is None else space.labels, manifest.name
        )
        found.append(_Party(endpoint.key, labels, Labels(labels), endpoint.ports))
    return found


def _dangling(rules: Rules, parties: list[_Party], hosts: list[Labels]) -> Iterator[Problem]:
    meets: dict[Selector, bool] = {}
    seen: set[tuple[object, Selector]] = set()

    def nobody(selector: Selector, subject: bool) -> bool:
        if selector not in meets:
            meets[selector] = any(selector.matches(party.labels) for party in parties if party.key or not subject)
        return not meets[selector]

    for section in rules.sections:
        if section.hosts:
            idle, what = not any(section.subject.matches(labels) for labels in hosts), "host"
        else:
            idle, what = nobody(section.subject, True), "endpoint"
        if idle and (section.document, section.subject) not in seen:
            seen.add((section.document, section.subject))
            yield _warning(
                f"the policy selects no {what} of the manifest",
                f"No {what} has {section.subject}: the policy has no effect.",
                section,
            )
    meets.clear()
    for rule in rules.rules:
        for selector in rule.peers.selectors:
            if nobody(selector, False) and (rule.source, selector) not in seen:
                seen.add((rule.source, selector))
                yield _warning("a selector matches no endpoint of the manifest", f"No endpoint has {selector}.", rule)


def _named_ports(rules: Rules, parties: list[_Party]) -> Iterator[Problem]:
    """Named ports that nobody defines, and names that replicas of one identity give to different numbers."""
    told: set[tuple[str, tuple[str, ...]]] = set()
    for rule in rules.rules:
        for port in rule.ports or ():
            if not port.name:
                continue
            inwards = rule.direction == "ingress"
            choosers = [rule.subject] if inwards else list(rule.peers.selectors)
            ends = [
                party
                for party in parties
                if party.key
                and not (rule.hosts and inwards)  # a host names no ports
                and (not choosers or any(selector.matches(party.labels) for selector in choosers))
            ]
            if (str(rule.source), (port.name,)) not in told and (unmet := _unmet(port.name, rule, ends)) is not None:
                told.add((str(rule.source), (port.name,)))
                yield unmet
            for party in ends:
                numbers = {
                    (other.ports[port.name].number, other.ports[port.name].protocol)
                    for other in ends
                    if other.identity == party.identity and port.name in other.ports
                }
                if len(numbers) > 1 and (port.name, party.identity) not in told:
                    told.add((port.name, party.identity))
                    listed = " and ".join(f"{number}/{protocol}" for number, protocol in sorted(numbers))
                    yield _warning(
                        f"port `{port.name}` is {listed} on replicas of one identity",
                        f"Endpoints with the labels of {party.key} share one policy, so a rule that names the port "
                        "means all of these numbers on all of them. Give them different labels, or the same numbers.",
                        rule,
                    )


def _unmet(name: str, rule: Rule, ends: list[_Party]) -> Optional[Problem]:
    """What is wrong with a port's name where nobody concerned defines it, or nobody with the protocol of the rule."""
    defined = {
        (party.ports[name].number, party.ports[name].protocol): party.key for party in ends if name in party.ports
    }
    if not defined:
        return _warning(
            f"no endpoint concerned defines the port `{name}`",
            "A port's name is resolved at the destination; where it is not defined it means nothing.",
            rule,
        )
    asked = {port.protocol for port in rule.ports or () if port.name == name}
    unmet = sorted(asked - {protocol for _, protocol in defined})
    if not unmet or tuple(sorted(asked)) == EVERY_PROTOCOL:  # of every protocol, one is enough
        return None
    listed = ", ".join(f"{number}/{protocol} on {key}" for (number, protocol), key in sorted(defined.items()))
    return _warning(
        f"no endpoint concerned defines the port `{name}` for {' or '.join(unmet)}",
        f"It is {listed}; for another protocol the name means nothing.",
        rule,
    )


def _managed_blocks(rules: Rules, manifest: Manifest) -> Iterator[Problem]:
    ranges = [network for network in (manifest.ranges.ipv4, manifest.ranges.ipv6) if network is not None]
    for rule in rules.rules:
        for block in rule.peers.blocks:
            if not block.endpoints and any(lies_inside(block.network, network) for network in ranges):
                yield _warning(
                    f"{block.network} lies inside ranges.endpoints and matches nothing",
                    "In a Cilium policy an address block never means endpoints. Select them by labels.",
                    rule,
                )


def _warning(summary: str, detail: str, where: Rule | Section) -> Problem:
    return Problem(summary, detail, where.document, where.source, severity="warning")
