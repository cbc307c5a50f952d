"""WORKSTATION: values of kinds in the words of the manifest: names and labels instead of numbers."""

from __future__ import annotations

import dataclasses
import enum
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, Optional, TypeGuard, cast

from state import wire
from state.cluster import Cluster
from state.plan import Kinds
from state.policy.tables import LOCAL_SCOPE, Peer, block_numbers
from state.policy.verdicts import Entry, Policy

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

# A field as it is shown: a text, or the texts of a list, one line each.
Shown = str | tuple[str, ...]

NAMESPACE = "io.kubernetes.pod.namespace"
EVERYONES = ("io.kubernetes.pod.namespace", "io.cilium.k8s.")
EVERYTHING = {"TCP", "UDP", "SCTP", "ICMP", "ICMPV6"}
RESERVED = {0: "unknown", 1: "host", 2: "world", 6: "remote-node", 9: "world-ipv4", 10: "world-ipv6"}


class Words:
    """How things are called on one cluster's hosts. Without a cluster (a saved plan) numbers stay numbers."""

    def __init__(self, kinds: Kinds, cluster: Optional[Cluster] = None) -> None:
        self._kinds = {kind.name: kind for kind in kinds}
        self._cluster = cluster
        self._numbered: dict[str, Mapping[int, str]] = {}

    def address(self, kind: str, address: str) -> str:
        """The name of a thing, for people."""
        if self._cluster is None or kind not in self._kinds:
            return address
        return self._kinds[kind].describe(address, self._cluster)

    def fixed(self, kind: str) -> frozenset[str]:
        """The fields that cannot change in place."""
        return self._kinds[kind].fixed if kind in self._kinds else frozenset()

    def outline(self, kind: str, address: str, value: Optional[object]) -> Mapping[str, Shown]:
        """The fields that tell something: not what is usual, and not what the address says already."""
        fields = self.fields(value)
        if "" in fields or not _is_record(value):
            return {} if fields.get("") in ("true", "false") else fields
        said = set(address.split())
        known = {field.name: field.default for field in dataclasses.fields(value)}
        usual = {**known, **(self._kinds[kind].usual if kind in self._kinds else {})}
        return {
            name: self._grouped(getattr(value, name)) or shown
            for name, shown in fields.items()
            if shown not in said and (item := getattr(value, name)) != usual[name] and item not in (0, False)
        }

    def fields(self, value: Optional[object]) -> Mapping[str, Shown]:
        """What a value says, field by field, without what it leaves open. A value of one field needs no name for it."""
        if value is None:
            return {}
        if not _is_record(value):
            return {"": self._shown("", value)}
        fields = {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
        if len(fields) == 1:
            return {"": self._shown(*next(iter(fields.items())))}
        return {name: self._shown(name, item) for name, item in fields.items() if item not in (None, "", (), {})}

    def identity(self, number: int, host: str = "") -> str:
        """An identity by its labels; of those that every endpoint has, only the namespace.

        What a host calls a block outside is a number of that host alone: only where `host` is given it has a name.
        """
        if number in RESERVED:
            return RESERVED[number]
        if number >= LOCAL_SCOPE and host:
            return self._blocks(host).get(number, "world, a block that the manifest does not name")
        labels = self._cluster.identities.get(number, ()) if self._cluster is not None else ()
        return labels_text(labels) or str(number)

    def decoded(self, value: Optional[object]) -> Any:
        """A value as JSON, as `state.wire` has it, and beside each number what it means: only keys are added."""
        plain = wire.dump(value)
        if isinstance(value, Policy):
            entries = zip(plain["entries"], value.entries, strict=True)
            return {**plain, "entries": [{**said, **self._meaning(entry)} for said, entry in entries]}
        if isinstance(value, Peer):
            return {**plain, "labels": self.identity(value.identity), "host_name": self._hosts.get(value.host)}
        return plain

    def _meaning(self, entry: Entry) -> dict[str, Any]:
        """What an entry's numbers mean: who the peer is, and the line of the manifest, or what is always so."""
        from state.policy.rules import BUILT_IN

        unknown = BUILT_IN.get(entry.rule, "no longer in the manifest" if self._rules else None)
        return {"peer_name": self._peer(entry), "decided_by": self._rules.get(entry.rule, unknown)}

    def _blocks(self, host: str) -> Mapping[int, str]:
        """Who is in the blocks that a host's policies speak of, by their numbers there: no endpoint in any of them."""
        if host not in self._numbered and self._cluster is not None:
            from state.policy.compiler import compile_policies

            blocks = compile_policies(self._cluster, host).blocks
            self._numbered[host] = {
                number: f"{'nobody in' if blocks[block] else 'world'} {block}"
                for block, number in block_numbers(blocks).items()
            }
        return self._numbered.get(host, {})

    @cached_property
    def _hosts(self) -> Mapping[int, str]:
        hosts = self._cluster.hosts.values() if self._cluster is not None else ()
        return {host.number: host.name for host in hosts}

    def _shown(self, name: str, value: Any) -> Shown:
        if isinstance(value, (tuple, list, frozenset)):
            given = cast(Sequence[Any], value)
            items = [self._flat(name, item) for item in given]
            return tuple(sorted(items) if isinstance(value, frozenset) else items)
        if isinstance(value, Mapping):
            return tuple(self._pairs(cast(Mapping[str, Any], value)))
        return self._flat(name, value)

    def _pairs(self, value: Mapping[str, Any]) -> list[str]:
        return [f"{key}: {self._flat(key, item)}" for key, item in sorted(value.items())]

    def _flat(self, name: str, value: Any) -> str:
        if isinstance(value, Entry):
            return f"{self._whom(value)}: {ports(value)}{self._because([value])}"
        if isinstance(value, bool):
            return str(value).lower()
        if isinstance(value, int) and name == "identity":
            return self.identity(value)
        if isinstance(value, int) and name == "host":
            return self._hosts.get(value, str(value))
        if isinstance(value, enum.Enum):
            return value.name.lower()
        if isinstance(value, bytes):
            return value.hex()
        if _is_record(value):
            fields = ((field.name, getattr(value, field.name)) for field in dataclasses.fields(value))
            return " ".join(f"{key}={self._flat(key, item)}" for key, item in fields if item not in (None, "", ()))
        if isinstance(value, (tuple, list, frozenset)):
            return "[" + ", ".join(self._flat("", item) for item in cast(Sequence[Any], value)) + "]"
        if isinstance(value, Mapping):
            return "{" + ", ".join(self._pairs(cast(Mapping[str, Any], value))) + "}"
        return "none" if value is None else str(value)

    def _grouped(self, value: object) -> Shown:
        """A policy's entries, one line for each peer and outcome; of anything else, nothing."""
        if not isinstance(value, tuple) or not all(isinstance(item, Entry) for item in cast(Sequence[Any], value)):
            return ()
        together: dict[str, list[Entry]] = {}
        for entry in cast(Sequence[Entry], value):
            together.setdefault(self._whom(entry), []).append(entry)
        return tuple(f"{whom}: {reach(items)}{self._because(items)}" for whom, items in together.items())

    def _because(self, entries: Sequence[Entry]) -> str:
        """The lines of the manifest that made the entries so."""
        from state.policy.rules import BUILT_IN

        stated = (entry.rule for entry in entries if self._rules and entry.rule not in BUILT_IN)
        places = dict.fromkeys(self._rules.get(rule, "no longer in the manifest") for rule in stated)
        return f" ({', '.join(places)})" if places else ""

    @cached_property
    def _rules(self) -> Mapping[int, str]:
        if self._cluster is None:
            return {}
        from state.policy.compiler import rule_sources

        return {rule: f"{place.file}:{place.line}" for rule, place in rule_sources(self._cluster).items()}

    def _whom(self, entry: Entry) -> str:
        return f"{entry.outcome.name.lower():<5} {self._peer(entry)}"

    def _peer(self, entry: Entry) -> str:
        """Labels, a CIDR, or `any`."""
        return self.identity(int(entry.peer)) if entry.peer.isdigit() else entry.peer


def _is_record(value: object) -> TypeGuard[DataclassInstance]:
    return dataclasses.is_dataclass(value) and not isinstance(value, type)


def labels_text(labels: tuple[str, ...]) -> str:
    """A label set as people write it: `app=web namespace=shop`."""
    plain = [label.split(":", 1)[1] for label in labels if not label.split(":", 1)[-1].startswith(EVERYONES)]
    namespace = [label.rsplit("=", 1)[1] for label in labels if label.startswith(f"k8s:{NAMESPACE}=")]
    return " ".join([*plain, *(f"namespace={name}" for name in namespace)])


def reach(entries: Sequence[Entry]) -> str:
    """What the entries of one peer cover: `everything`, or protocols and ports."""
    whole = {entry.protocol for entry in entries if _is_whole(entry)}
    return "everything" if whole >= EVERYTHING else ", ".join(ports(entry) for entry in entries)


def _is_whole(entry: Entry) -> bool:
    return (entry.first, entry.last) == (0, 65535) or (entry.protocol.startswith("ICMP") and entry.last >= 255)


def ports(entry: Entry) -> str:
    """The ports of a policy entry: `TCP/80`, `TCP/8000-8080`, `ICMP` for all types."""
    if _is_whole(entry):
        return entry.protocol
    return f"{entry.protocol}/{entry.first}" + (f"-{entry.last}" if entry.last != entry.first else "")
