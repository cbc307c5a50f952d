"""WORKSTATION: small clusters made from YAML, for the tests of the policy engine."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Any, Optional

import yaml

from schemas.documents import CLUSTERWIDE
from state.cluster import Cluster, Endpoint, Host
from state.manifest import (
    Document,
    EndpointEntry,
    HostEntry,
    Manifest,
    Namespace,
    Network,
    Path,
    Port,
    Ranges,
    Ssh,
    Underlay,
)
from state.policy.labels import identity_labels
from state.problem import Source

NOWHERE = Source("netctl.yaml", 1)
RANGES = Ranges(IPv4Network("10.42.0.0/16"), IPv6Network("fd42::/48"))


@dataclass(frozen=True)
class Pod:
    """An endpoint of a test."""

    namespace: str
    name: str
    labels: Mapping[str, str]
    host: str = "alpha"
    address: str = ""
    ports: Mapping[str, str] = field(default_factory=dict[str, str])
    namespace_labels: Mapping[str, str] = field(default_factory=dict[str, str])
    raw_labels: tuple[str, ...] = ()
    cluster: str = "shop"
    family: str = "both"


def documents(text: str, file: str = "policy.yaml") -> list[Document]:
    """The policy documents of a YAML text, with the place of every node."""
    found: list[Document] = []
    for node in yaml.compose_all(text, yaml.SafeLoader):
        marks: dict[Path, Source] = {}
        body = _value(node, (), marks, file)
        metadata: Any = body.get("metadata") or {}
        kind = body.get("kind", "")
        namespace = "" if kind in CLUSTERWIDE else metadata.get("namespace", "default")
        found.append(Document(kind, namespace, metadata.get("name", ""), body, marks, marks[()]))
    return found


def _value(node: yaml.Node, path: Path, marks: dict[Path, Source], file: str) -> Any:
    marks[path] = Source(file, node.start_mark.line + 1, node.start_mark.column + 1)
    if isinstance(node, yaml.MappingNode):
        return {key.value: _value(value, (*path, key.value), marks, file) for key, value in node.value}
    if isinstance(node, yaml.SequenceNode):
        return [_value(item, (*path, place), marks, file) for place, item in enumerate(node.value)]
    loader: Any = yaml.SafeLoader("")
    return loader.construct_object(node)


def port(text: str) -> Port:
    """`80/TCP` as a port."""
    number, _, protocol = text.partition("/")
    return Port(int(number), protocol or "TCP")


def _pods(pods: Iterable[Pod]) -> list[tuple[Pod, Optional[IPv4Address], Optional[IPv6Address]]]:
    found: list[tuple[Pod, Optional[IPv4Address], Optional[IPv6Address]]] = []
    for number, pod in enumerate(pods, 10):
        subnet = {"alpha": 1, "beta": 2, "gamma": 3}[pod.host]
        ipv4: Optional[IPv4Address] = IPv4Address(f"10.42.{subnet}.{number}")
        ipv6: Optional[IPv6Address] = IPv6Address(f"fd42:0:0:{subnet}::{number:x}")
        if pod.address:
            fixed = ip_address(pod.address)
            ipv4, ipv6 = (fixed, ipv6) if isinstance(fixed, IPv4Address) else (ipv4, fixed)
        found.append((pod, None if pod.family == "ipv6" else ipv4, None if pod.family == "ipv4" else ipv6))
    return found


def _labels(pod: Pod) -> tuple[str, ...]:
    made = identity_labels(pod.labels, pod.namespace, pod.namespace_labels, pod.cluster)
    return tuple(sorted({*made, *pod.raw_labels}))


NO_LABELS: Mapping[str, Mapping[str, str]] = {}


def cluster(
    pods: Iterable[Pod],
    policies: Iterable[Document],
    name: str = "shop",
    hosts_labels: Mapping[str, Mapping[str, str]] = NO_LABELS,
) -> Cluster:
    """A cluster of three hosts with numbers given in order; `hosts_labels` by their names."""
    hosts = {
        host: Host(
            host,
            number,
            f"203.0.113.{10 + number}",
            Ssh(),
            Underlay(IPv4Address(f"203.0.113.{10 + number}"), IPv6Address(f"2001:db8::{10 + number}")),
            hosts_labels.get(host, {}),
            IPv4Network(f"10.42.{number}.0/24"),
            IPv6Network(f"fd42:0:0:{number}::/64"),
            NOWHERE,
        )
        for number, host in enumerate(("alpha", "beta", "gamma"), 1)
    }
    identities: dict[tuple[str, ...], int] = {}
    endpoints: dict[str, Endpoint] = {}
    for place, (pod, ipv4, ipv6) in enumerate(_pods(pods), 1):
        labels = _labels(pod)
        number = identities.setdefault(labels, (1 << 16) + 256 + len(identities))
        endpoint = Endpoint(
            pod.namespace, pod.name, pod.host, pod.labels, labels, number, place, pod.name,
            {key: port(text) for key, text in pod.ports.items()}, ipv4, ipv6, NOWHERE,
        )  # fmt: skip
        endpoints[endpoint.key] = endpoint
    spaces = {pod.namespace: Namespace(pod.namespace, pod.namespace_labels, NOWHERE) for pod in pods}
    numbers = {number: labels for labels, number in identities.items()}
    return Cluster(name, 1, Network(), RANGES, hosts, spaces, endpoints, numbers, tuple(policies), ())


def manifest(pods: Iterable[Pod], policies: Iterable[Document]) -> Manifest:
    """The same as a manifest, before it has numbers."""
    entries = {
        f"{pod.namespace}/{pod.name}": EndpointEntry(
            pod.namespace, pod.name, pod.host, pod.labels, pod.name,
            {key: port(text) for key, text in pod.ports.items()}, ipv4, ipv6, NOWHERE,
        )
        for pod, ipv4, ipv6 in _pods(pods)
    }  # fmt: skip
    spaces = {pod.namespace: Namespace(pod.namespace, pod.namespace_labels, NOWHERE) for pod in pods}
    hosts = {
        host: HostEntry(host, host, Ssh(), Underlay(), {}, None, None, NOWHERE) for host in ("alpha", "beta", "gamma")
    }
    return Manifest("shop", 1, Network(), RANGES, hosts, spaces, entries, tuple(policies), ())
