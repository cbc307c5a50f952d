"""BOTH SIDES: labels as Cilium spells them (`k8s:app=web`), and selectors over them.

An identity is a sorted set of such texts. What the manifest says has the source `k8s`; `reserved` is for what is no
endpoint (hosts, the world). A selector's key may name a source; without one, or with `any:`, every source matches.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

NAMESPACE = "io.kubernetes.pod.namespace"
NAMESPACE_LABELS = "io.cilium.k8s.namespace.labels."
CLUSTER = "io.cilium.k8s.policy.cluster"

HOST, WORLD, UNMANAGED, HEALTH, INIT, REMOTE_NODE = 1, 2, 3, 4, 5, 6
INGRESS, WORLD_IPV4, WORLD_IPV6 = 8, 9, 10
FIRST_IDENTITY = 256  # below are the reserved numbers; those of endpoints are cluster id << 16 | 256..65535

# The world of one family is also the world: a selector on `reserved:world` means both families.
RESERVED: Mapping[int, tuple[str, ...]] = {
    HOST: ("reserved:host",),
    WORLD: ("reserved:world",),
    UNMANAGED: ("reserved:unmanaged",),
    HEALTH: ("reserved:health",),
    INIT: ("reserved:init",),
    REMOTE_NODE: ("reserved:remote-node",),
    INGRESS: ("reserved:ingress",),
    WORLD_IPV4: ("reserved:world", "reserved:world-ipv4"),
    WORLD_IPV6: ("reserved:world", "reserved:world-ipv6"),
}


def identity_labels(
    labels: Mapping[str, str], namespace: str, namespace_labels: Mapping[str, str], cluster: str
) -> tuple[str, ...]:
    """The sorted label set that makes an endpoint's identity, as Cilium puts it together for a pod."""
    return tuple(
        sorted(
            {
                *(f"k8s:{key}={value}" for key, value in labels.items()),
                *(f"k8s:{NAMESPACE_LABELS}{key}={value}" for key, value in namespace_labels.items()),
                f"k8s:{NAMESPACE_LABELS}kubernetes.io/metadata.name={namespace}",
                f"k8s:{NAMESPACE}={namespace}",
                f"k8s:{CLUSTER}={cluster}",
            }
        )
    )


def host_labels(labels: Mapping[str, str]) -> tuple[str, ...]:
    """The sorted label set by which a host policy selects a host."""
    return tuple(sorted({"reserved:host", *(f"k8s:{key}={value}" for key, value in labels.items())}))


def parse(label: str) -> tuple[str, str, str]:
    """A label's source, key and value: `k8s:app=web` is k8s, app, web; a reserved label has no value."""
    name, _, value = label.partition("=")
    source, _, key = name.partition(":")
    return source, key, value


class Labels:
    """A label set made ready for asking. Equal sets of labels are equal questions: build it once per identity."""

    def __init__(self, labels: Iterable[str]) -> None:
        self._values: dict[tuple[str, str], tuple[str, ...]] = {}
        for source, key, value in map(parse, labels):
            for name in ((source, key), ("any", key)):
                self._values[name] = (*self._values.get(name, ()), value)

    def values(self, source: str, key: str) -> tuple[str, ...]:
        """The values of a key, from one source or from `any`; empty where there is no such label."""
        return self._values.get((source, key), ())


@dataclass(frozen=True, order=True)
class Requirement:
    """One condition: `operator` is In, NotIn, Exists or DoesNotExist. NotIn is true where the key is absent."""

    source: str
    key: str
    operator: str
    values: tuple[str, ...] = ()

    def matches(self, labels: Labels) -> bool:
        """Whether the label set meets this condition."""
        found = labels.values(self.source, self.key)
        if self.operator == "Exists":
            return bool(found)
        if self.operator == "DoesNotExist":
            return not found
        among = any(value in self.values for value in found)
        return among if self.operator == "In" else not among


@dataclass(frozen=True)
class Selector:
    """A set of label sets: those that meet every requirement. Without any requirement it selects everything."""

    requirements: tuple[Requirement, ...] = ()

    def __hash__(self) -> int:
        return self._hash

    @cached_property
    def _hash(self) -> int:
        """Selectors are looked up by the million: their hash is made once."""
        return hash(self.requirements)

    def matches(self, labels: Labels) -> bool:
        """Whether the label set is selected."""
        return all(requirement.matches(labels) for requirement in self.requirements)

    def also(self, *requirements: Requirement) -> Selector:
        """The selector with further requirements."""
        return Selector((*self.requirements, *requirements))

    def __str__(self) -> str:
        return ", ".join(_text(requirement) for requirement in self.requirements) or "every endpoint"


def namespace_is(namespace: str) -> Requirement:
    """The requirement that an endpoint is in this namespace."""
    return Requirement("k8s", NAMESPACE, "In", (namespace,))


ANY_NAMESPACE = Requirement("k8s", NAMESPACE, "Exists")


def _text(requirement: Requirement) -> str:
    name = requirement.key if requirement.source in ("any", "k8s") else f"{requirement.source}:{requirement.key}"
    if requirement.operator == "In" and len(requirement.values) == 1:
        return f"{name}={requirement.values[0]}"
    values = f" ({', '.join(requirement.values)})" if requirement.values else ""
    return f"{name} {requirement.operator}{values}"
