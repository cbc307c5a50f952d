"""WORKSTATION: what an event of the datapath means in the words of the manifest: who, why, and which line."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from ipaddress import ip_address

from state.cluster import Cluster
from state.kernel_bpf import Event
from state.policy import parties
from state.policy.compiler import rule_sources
from state.policy.engine import Engine
from state.policy.labels import HOST
from state.policy.rules import BUILT_IN, DEFAULT_DENY, OWN_HOST
from state.problem import Source

POLICY = frozenset({"denied by rule", "denied by default"})
DENIALS = frozenset({"drop", "audit"})
"""The types of events that tell what a policy denies, if they tell of a policy."""
PROTOCOLS = {1: "ICMP", 6: "TCP", 17: "UDP", 58: "ICMP", 132: "SCTP"}


@dataclass(frozen=True)
class Why:
    """The reason in a sentence, the lines of the manifest that decided, and what the rule wants said (`log`)."""

    sentence: str
    rules: tuple[Source, ...] = ()
    log: str = ""


class Explainer:
    """Events of one cluster's hosts, explained."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._engine = Engine(cluster)

    def name(self, address: str) -> str:
        """Who has an address: `namespace/name`, a host's name, or the address itself."""
        return parties.at(self._cluster, ip_address(address)).name

    def why(self, event: Event, host: str) -> Why:
        """Why the datapath of `host` decided as it did."""
        why = self._decided(event, host)
        if event.type != "audit":
            return why
        return replace(why, sentence=f"let through, as {self.subject(event, host)} is audited: {why.sentence}")

    def _decided(self, event: Event, host: str) -> Why:
        """What was decided, and by what: also where an audited endpoint makes nothing of it."""
        passed = event.type not in DENIALS
        if event.type == "trace":
            return Why(event.reason)
        if not passed and event.reason not in POLICY:
            return Why(event.reason)
        if event.rule in self._places:
            place = self._places[event.rule]
            return Why(f"{'allowed' if passed else 'denied'} by {place}", (place,), self._logs.get(event.rule, ""))
        if event.rule == DEFAULT_DENY and not passed:
            return self._isolated(event, host)
        if event.rule in BUILT_IN and event.rule != DEFAULT_DENY:
            return Why(BUILT_IN[event.rule])
        if passed and event.direction == "ingress" and event.source_identity == HOST:
            return Why(BUILT_IN[OWN_HOST])
        if passed:
            return Why(f"no policy isolates {self.subject(event, host)} for {event.direction}")
        return Why(f"denied by a rule that this manifest does not have (rule {event.rule})")

    def subject(self, event: Event, host: str) -> str:
        """The endpoint whose policy decided."""
        found = self._endpoints.get((host, event.endpoint))
        return found or f"endpoint {event.endpoint} of {host}"

    def _isolated(self, event: Event, host: str) -> Why:
        identity = event.source_identity if event.direction == "egress" else event.destination_identity
        subject = self.subject(event, host)
        if identity not in self._cluster.identities:
            return Why(f"no rule matched; {subject} is isolated")
        places = self._engine.isolating(identity, event.direction)
        named = ", ".join(str(Source(place.file, place.line)) for place in places)
        return Why(f"no rule matched; {subject} is isolated for {event.direction} by {named}", places)

    @cached_property
    def _places(self) -> Mapping[int, Source]:
        return {number: Source(place.file, place.line) for number, place in rule_sources(self._cluster).items()}

    @cached_property
    def _logs(self) -> Mapping[int, str]:
        return {rule.id: rule.log for rule in self._engine.rules.rules if rule.log}

    @cached_property
    def _endpoints(self) -> Mapping[tuple[str, int], str]:
        return {(endpoint.host, endpoint.id): key for key, endpoint in self._cluster.endpoints.items()}
