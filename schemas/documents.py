"""DATA: policy documents as they stand, with the place of every node. What they mean is known in `state.policy`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Optional

from schemas.positions import Node
from schemas.report import Report, suggest
from schemas.sections import DEFAULT_NAMESPACE
from schemas.shape import shown
from state.manifest import Document, Json, Path
from state.problem import Source

KINDS = {
    "CiliumNetworkPolicy": ("cilium.io/v2",),
    "CiliumClusterwideNetworkPolicy": ("cilium.io/v2",),
    "CiliumCIDRGroup": ("cilium.io/v2", "cilium.io/v2alpha1"),
    "NetworkPolicy": ("networking.k8s.io/v1",),
}
CLUSTERWIDE = ("CiliumClusterwideNetworkPolicy", "CiliumCIDRGroup")
_INSTEAD = {"CiliumClusterwideNetworkPolicy": "Remove it, or use a CiliumNetworkPolicy."}
_NAME = re.compile(r"[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?")


def is_policy(node: Node) -> bool:
    """Whether a YAML document is of the kind people know from Kubernetes, and not a part of the manifest itself."""
    return "kind" in node.fields or "apiVersion" in node.fields


def read(nodes: list[Node], report: Report) -> tuple[Document, ...]:
    """The policy documents of all files, in order; a document that cannot be told apart is reported and left out."""
    documents: dict[tuple[str, str, str], Document] = {}
    for node in nodes:
        document = _document(node, report)
        if document is None:
            continue
        key = (document.kind, document.namespace, document.name)
        if key in documents:
            title = f"{document.kind} {document.namespace + '/' if document.namespace else ''}{document.name}"
            report.error(document.source, f"{title} is given twice", f"It is already at {documents[key].source}.")
        else:
            documents[key] = document
    return tuple(documents.values())


def part(node: Node, kind: str, name: str) -> Document:
    """A part of the manifest as if it were a document: what policies and the manifest have in common is read alike."""
    return Document(kind, "", name, _json(node), dict(_marks(node, ())), node.source)


def _document(node: Node, report: Report) -> Optional[Document]:
    kind = _kind(node, report)
    name = _metadata(node, "name", report)
    if kind is None or not name:
        return None
    namespace = _namespace(node, kind, report)
    return Document(kind, namespace, name, _json(node), dict(_marks(node, ())), node.source)


def _kind(node: Node, report: Report) -> Optional[str]:
    written = node.fields.get("kind")
    if written is None:
        report.error(node.source, 'missing key "kind"', f"Known kinds: {', '.join(sorted(KINDS))}.")
        return None
    if written.text not in KINDS:
        detail = suggest(written.text, list(KINDS), "Known kinds")
        report.error(written.source, f"unknown kind {shown(written)}", detail)
        return None
    version = node.fields.get("apiVersion")
    expected = KINDS[written.text]
    if version is None:
        report.error(node.source, 'missing key "apiVersion"', f"A {written.text} has apiVersion: {expected[0]}")
    elif version.text not in expected:
        report.error(version.source, f"expected apiVersion {expected[0]} for {written.text}, not {shown(version)}")
    return written.text


def _metadata(node: Node, field: str, report: Report) -> str:
    metadata = node.fields.get("metadata")
    written = metadata.fields.get(field) if metadata is not None else None
    if written is None:
        place = (metadata or node).place
        report.error(place, 'missing key "metadata.name"', "A policy needs a name: drops are told by it.")
        return ""
    if not _NAME.fullmatch(written.text):
        report.error(
            written.source,
            f"metadata.{field}: expected lower-case letters, digits, hyphens and dots, not {shown(written)}",
        )
        return ""
    return written.text


def _namespace(node: Node, kind: str, report: Report) -> str:
    written = node.fields["metadata"].fields.get("namespace")
    if kind in CLUSTERWIDE:
        if written is not None:
            report.error(written.place, f"a {kind} has no namespace", _INSTEAD.get(kind, "Remove it."))
        return ""
    return _metadata(node, "namespace", report) if written is not None else DEFAULT_NAMESPACE


def _json(node: Node) -> Json:
    if isinstance(node.value, dict):
        return {name: _json(child) for name, child in node.value.items()}
    if isinstance(node.value, list):
        return [_json(child) for child in node.value]
    return node.value


def _marks(node: Node, path: Path) -> Iterator[tuple[Path, Source]]:
    yield path, node.place
    for name, child in node.fields.items():
        yield from _marks(child, (*path, name))
    for number, child in enumerate(node.items):
        yield from _marks(child, (*path, number))
