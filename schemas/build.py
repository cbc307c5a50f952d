"""DATA: nodes that fit the schema as the frozen values of `state.manifest`."""

from __future__ import annotations

from ipaddress import AddressValueError, IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import Optional

from schemas.asserted import assertion
from schemas.positions import Node
from schemas.sections import DEFAULT_NAMESPACE, Sections
from state.manifest import (
    Document,
    EndpointEntry,
    HostEntry,
    Manifest,
    Namespace,
    Network,
    Port,
    Ranges,
    Ssh,
    Underlay,
)
from state.problem import Source

NAME_LABEL = "kubernetes.io/metadata.name"


def manifest(sections: Sections, documents: tuple[Document, ...]) -> Manifest:
    """The manifest that the sections say. What is missing is empty: whoever raises for it has found it already."""
    audit = _flag(sections.cluster, "audit", default=False)
    return Manifest(
        name=_text(sections.cluster, "name"),
        id=_number(sections.cluster, "id", 0),
        network=_network(sections.network),
        ranges=_ranges(sections.ranges),
        hosts={name: _host(name, node) for name, node in sorted(sections.hosts.items())},
        namespaces=_namespaces(sections),
        endpoints={key: _endpoint(key, node, audit) for key, node in sorted(sections.endpoints.items())},
        documents=documents,
        assertions=tuple(assertion(node) for node in sections.assertions),
    )


def _at(node: Optional[Node], *path: str) -> Optional[Node]:
    for name in path:
        node = node.fields.get(name) if node is not None else None
    return node


def _text(node: Optional[Node], *path: str) -> str:
    found = _at(node, *path)
    return found.text if found is not None else ""


def _number(node: Optional[Node], name: str, default: int) -> int:
    found = _at(node, name)
    # 1.0 is an integer, too, in JSON Schema.
    return int(found.value) if found is not None and isinstance(found.value, (int, float)) else default


def _flag(node: Optional[Node], *path: str, default: bool) -> bool:
    found = _at(node, *path)
    return found.value if found is not None and isinstance(found.value, bool) else default


def _ipv4(node: Optional[Node], *path: str) -> Optional[IPv4Address]:
    return IPv4Address(text) if (text := _text(node, *path)) else None


def _ipv6(node: Optional[Node], *path: str) -> Optional[IPv6Address]:
    return IPv6Address(text) if (text := _text(node, *path)) else None


def _ipv4_network(node: Optional[Node], *path: str) -> Optional[IPv4Network]:
    return IPv4Network(text) if (text := _text(node, *path)) else None


def _ipv6_network(node: Optional[Node], *path: str) -> Optional[IPv6Network]:
    return IPv6Network(text) if (text := _text(node, *path)) else None


def _labels(node: Optional[Node]) -> dict[str, str]:
    found = _at(node, "labels")
    return {name: value.text for name, value in sorted(found.fields.items())} if found is not None else {}


def _network(node: Optional[Node]) -> Network:
    default = Network()
    return Network(
        mode=_text(node, "mode") or default.mode,
        encapsulation=_text(node, "encapsulation") or default.encapsulation,
        port=_number(node, "port", default.port),
    )


def _ranges(node: Optional[Node]) -> Ranges:
    endpoints = _at(node, "endpoints")
    default = Ranges(None, None)
    return Ranges(
        ipv4=_ipv4_network(endpoints, "ipv4"),
        ipv6=_ipv6_network(endpoints, "ipv6"),
        host_prefix_ipv4=_number(_at(endpoints, "hostPrefix"), "ipv4", default.host_prefix_ipv4),
        host_prefix_ipv6=_number(_at(endpoints, "hostPrefix"), "ipv6", default.host_prefix_ipv6),
    )


def _host(name: str, node: Node) -> HostEntry:
    ssh = _at(node, "ssh")
    return HostEntry(
        name=name,
        address=_text(node, "address"),
        ssh=Ssh(_text(ssh, "user"), _number(ssh, "port", 0), _text(ssh, "hostKey")),
        underlay=_underlay(node),
        labels=_labels(node),
        slice_ipv4=_ipv4_network(node, "slice", "ipv4"),
        slice_ipv6=_ipv6_network(node, "slice", "ipv6"),
        source=node.place,
    )


def _underlay(node: Node) -> Underlay:
    """The underlay as written; a host that is reached by an address has that one without saying it twice."""
    ipv4, ipv6, address = _ipv4(node, "underlay", "ipv4"), _ipv6(node, "underlay", "ipv6"), _text(node, "address")
    if ipv4 is None and ipv6 is None:
        ipv4, ipv6 = split(address)
    return Underlay(ipv4, ipv6, _text(node, "underlay", "device"))


def split(text: str) -> tuple[Optional[IPv4Address], Optional[IPv6Address]]:
    """A text as an address of one of the families; neither if it is a name."""
    try:
        return IPv4Address(text), None
    except AddressValueError:
        pass
    try:
        address = IPv6Address(text)
    except AddressValueError:
        return None, None
    return None, None if address.scope_id else address


def _namespaces(sections: Sections) -> dict[str, Namespace]:
    """All namespaces: written, used by an endpoint, and `default`. Each has its name among its labels."""
    places: dict[str, Source] = {DEFAULT_NAMESPACE: Source("netctl.yaml", 1)}
    labels: dict[str, dict[str, str]] = {}
    for key, node in sections.endpoints.items():
        places.setdefault(key.partition("/")[0], node.place)
    for name, node in sections.namespaces.items():
        places[name], labels[name] = node.place, _labels(node)
    return {
        name: Namespace(name, {**labels.get(name, {}), NAME_LABEL: name}, source)
        for name, source in sorted(places.items())
    }


def _endpoint(key: str, node: Node, audit: bool) -> EndpointEntry:
    """An endpoint as written; `audit` is what the cluster says for those that do not say it themselves."""
    namespace, _, name = key.partition("/")
    address = _at(node, "address")
    ipv4, ipv6 = split(address.text) if address is not None else (None, None)
    ports = _at(node, "ports")
    return EndpointEntry(
        namespace=namespace,
        name=name,
        host=_text(node, "host"),
        labels=_labels(node),
        netns=_text(node, "attach", "netns"),
        ports={label: port(item.text) for label, item in sorted(ports.fields.items())} if ports is not None else {},
        ipv4=ipv4 or _ipv4(address, "ipv4"),
        ipv6=ipv6 or _ipv6(address, "ipv6"),
        source=node.place,
        create_netns=_flag(node, "attach", "create", default=True),
        audit=_flag(node, "audit", default=audit),
    )


def port(text: str) -> Port:
    """`80/TCP` as a value."""
    number, _, protocol = text.partition("/")
    return Port(int(number), protocol)
