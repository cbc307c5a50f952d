"""DATA: whether everything that is named exists, and nothing is named twice."""

from __future__ import annotations

from collections.abc import Iterable

from schemas.positions import Node
from schemas.report import Report, suggest
from schemas.sections import DEFAULT_NAMESPACE, Sections, place, value_at
from state.manifest import Manifest

RESERVED_LABELS = ("io.kubernetes.pod.namespace", "io.cilium.")


def check(sections: Sections, manifest: Manifest, report: Report, require_host_keys: bool) -> None:
    """Report names without a thing, and things under one name."""
    _endpoints(sections, manifest, report)
    _namespaces(sections, manifest, report)
    _network_namespaces(sections, manifest, report)
    _ssh(sections, manifest, report, require_host_keys)
    labelled = {"endpoints": sections.endpoints, "namespaces": sections.namespaces}
    for section, nodes in labelled.items():
        _labels(section, nodes, report)


def _endpoints(sections: Sections, manifest: Manifest, report: Report) -> None:
    for key, endpoint in manifest.endpoints.items():
        if endpoint.host and endpoint.host not in sections.host_names:
            report.error(
                value_at(sections.endpoints[key], "host"),
                f'endpoint {key} is on an unknown host "{endpoint.host}"',
                suggest(endpoint.host, list(sections.host_names), "Known hosts"),
                f"endpoints.{key}",
            )


def _namespaces(sections: Sections, manifest: Manifest, report: Report) -> None:
    known = {*sections.namespace_names, DEFAULT_NAMESPACE}
    told: set[str] = set()
    for key, endpoint in manifest.endpoints.items():
        name = endpoint.namespace
        if name not in known and name not in told:
            told.add(name)
            hint = suggest(name, sorted(known), "Known namespaces")
            report.warning(
                value_at(sections.endpoints[key], "namespace"),
                f'namespace "{name}" is not declared',
                f"It exists, without labels. Write it under `namespaces` if that is meant. {hint}".rstrip(),
                f"endpoints.{key}",
            )


def _network_namespaces(sections: Sections, manifest: Manifest, report: Report) -> None:
    taken: dict[tuple[str, str], str] = {}
    for key, endpoint in manifest.endpoints.items():
        if not endpoint.host or not endpoint.netns:
            continue
        other = taken.setdefault((endpoint.host, endpoint.netns), key)
        if other != key:
            report.error(
                value_at(sections.endpoints[key], "attach", "netns"),
                f'endpoints {other} and {key} are both the network namespace "{endpoint.netns}" on {endpoint.host}',
                f"The other one is at {sections.endpoints[other].place}. An endpoint has a namespace to itself.",
                f"endpoints.{key}",
            )


def _ssh(sections: Sections, manifest: Manifest, report: Report, require_host_keys: bool) -> None:
    taken: dict[tuple[str, int], str] = {}
    for name, host in manifest.hosts.items():
        node = sections.hosts[name]
        if require_host_keys and not host.ssh.host_key and not sections.doubtful("hosts", name):
            report.error(
                place(node, "ssh"),
                f"host {name} has no hostKey",
                "Without it anyone who answers could be taken for the host. `ssh-keyscan -t ed25519 "
                f"{host.address}` prints the key; compare it with the host's own, then write it under ssh.hostKey.",
                f"hosts.{name}",
            )
        other = taken.setdefault((host.address, host.ssh.port), name)
        if other != name:
            report.error(
                value_at(node, "address"),
                f"hosts {other} and {name} have the same address {host.address}",
                f"The other one is at {sections.hosts[other].place}.",
                f"hosts.{name}",
            )


def _labels(section: str, nodes: dict[str, Node], report: Report) -> None:
    for name, node in nodes.items():
        labels = node.fields.get("labels")
        for key, value in labels.fields.items() if labels is not None else ():
            if _is_reserved(key, RESERVED_LABELS if section == "endpoints" else ()) or _is_wrong_name(key, value, name):
                report.error(
                    value.place,
                    f'the label "{key}" is given by netctl itself',
                    "Policies rely on it to tell namespaces apart. Remove it, or use another key.",
                    f"{section}.{name}",
                )


def _is_reserved(key: str, reserved: Iterable[str]) -> bool:
    return any(key == word or (word.endswith(".") and key.startswith(word)) for word in reserved)


def _is_wrong_name(key: str, value: Node, name: str) -> bool:
    return key == "kubernetes.io/metadata.name" and "/" not in name and value.text != name
