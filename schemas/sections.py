"""DATA: the sections of a manifest, gathered from all its files and read as one."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Optional, Union

from schemas import judge
from schemas.folder import MAIN
from schemas.judge import Path
from schemas.positions import Node
from schemas.report import Report, closest
from schemas.shape import Shape
from state.problem import Source

DEFAULT_NAMESPACE = "default"


@dataclass
class Sections:
    """The nodes of every section that fit the schema; endpoints by `namespace/name`.

    Of an endpoint, and of the cluster, there is also what is left beside a mistake: what must be there may be missing.
    `host_names`, `endpoint_keys` and `namespace_names` are all that were written, well or badly: a reference to a host
    with a mistake in it is not a second mistake. So are the keys of each assertion, by its place, in `asserted`.
    `wrong` is where a value was left out for a mistake; `torn`, whether an endpoint was, whole.
    """

    cluster: Optional[Node] = None
    network: Optional[Node] = None
    ranges: Optional[Node] = None
    hosts: dict[str, Node] = field(default_factory=dict[str, Node])
    namespaces: dict[str, Node] = field(default_factory=dict[str, Node])
    endpoints: dict[str, Node] = field(default_factory=dict[str, Node])
    assertions: list[Node] = field(default_factory=list[Node])
    host_names: set[str] = field(default_factory=set[str])
    endpoint_keys: set[str] = field(default_factory=set[str])
    namespace_names: set[str] = field(default_factory=set[str])
    asserted: dict[Source, set[str]] = field(default_factory=dict[Source, set[str]])
    wrong: set[Path] = field(default_factory=set[Path])
    torn: bool = False

    def doubtful(self, *path: str) -> bool:
        """Whether there was a mistake at a place, above it or below it: what is not there may be just that."""
        return any(found[: len(path)] == path or path[: len(found)] == found for found in self.wrong)

    def doubtful_range(self, family: str) -> bool:
        """Whether a mistake may be what keeps a family from having a range."""
        beside = {("hostPrefix",), ("ipv4",), ("ipv6",)} - {(family,)}
        return any(
            not found or (found[0] == "ranges" and found[1:2] != ("services",) and found[2:3] not in beside)
            for found in self.wrong
        )


def gather(parts: list[Node], report: Report) -> Sections:
    """One set of sections from the documents of all files, checked against the schema."""
    sections = Sections()
    for part in parts:
        shape = Shape(report)
        _only_in_main(part, report)
        _written_names(part, sections)
        checked = shape.check(part)
        sections.wrong.update((meant(path[0]), *path[1:]) if path else path for path in shape.wrong)
        if shape.pieces is not None:
            _single(shape.pieces, sections, report)
            _endpoints(shape.pieces, sections, report)
        if checked is not None:
            _named(checked, sections, report)
            if "assertions" in checked.fields:
                sections.assertions.extend(checked.fields["assertions"].items)
    return sections


def meant(section: Union[str, int]) -> str:
    """The section that a misspelt one was probably meant to be."""
    return closest(str(section), judge.manifest_schema()["properties"]) or str(section)


def check_cluster(parts: list[Node], report: Report) -> None:
    """Some file must name the cluster."""
    if parts and not any("cluster" in part.fields for part in parts):
        report.error(Source(MAIN, 1), 'missing key "cluster"', "Write it as: cluster: {name: shop, id: 1}")


def place(node: Node, *path: str) -> Source:
    """The place of a member of a member, or of the nearest one that exists."""
    for name in path:
        if name not in node.fields:
            break
        node = node.fields[name]
    return node.place


def value_at(node: Node, *path: str) -> Source:
    """Like `place`, but where the value stands."""
    for name in path:
        if name not in node.fields:
            return node.place
        node = node.fields[name]
    return node.source


def _only_in_main(part: Node, report: Report) -> None:
    include = part.fields.get("include")
    if include is not None and include.source.file != MAIN:
        report.error(include.place, f'"include" belongs in {MAIN} alone', f"Move it to {MAIN}.")


def _written_names(part: Node, sections: Sections) -> None:
    if hosts := part.fields.get("hosts"):
        sections.host_names.update(hosts.fields)
    if namespaces := part.fields.get("namespaces"):
        sections.namespace_names.update(namespaces.fields)
    if endpoints := part.fields.get("endpoints"):
        sections.endpoint_keys.update(endpoint_key(name, node) for name, node in endpoints.fields.items())

    if assertions := part.fields.get("assertions"):
        sections.asserted.update((node.source, set(map(_asserted, node.fields))) for node in assertions.items)


def _asserted(key: str) -> str:
    """The key of an assertion that a misspelt one was probably meant to be."""
    return closest(key, judge.manifest_schema()["$defs"]["assertion"]["properties"]) or key


def endpoint_key(name: str, node: Node) -> str:
    """`namespace/name` of an endpoint by its key in the manifest and its own `namespace`."""
    if "/" in name:
        return name
    namespace = node.fields.get("namespace")
    return f"{namespace.text if namespace and namespace.text else DEFAULT_NAMESPACE}/{name}"


def _single(part: Node, sections: Sections, report: Report) -> None:
    for name in ("cluster", "network", "ranges"):
        node = part.fields.get(name)
        if node is None:
            continue
        first: Optional[Node] = getattr(sections, name)
        if first is not None:
            report.error(
                node.place, f'"{name}" is given twice', f"It is already at {first.place}. Keep one of the two.", name
            )
        else:
            setattr(sections, name, node)


def _named(part: Node, sections: Sections, report: Report) -> None:
    for section, known in (("hosts", sections.hosts), ("namespaces", sections.namespaces)):
        for name, node in _members(part, section):
            _add(section, name, node, known, report)


def _endpoints(part: Node, sections: Sections, report: Report) -> None:
    for name, node in _members(part, "endpoints"):
        namespace = node.fields.get("namespace")
        if "/" in name and namespace is not None and namespace.text != name.partition("/")[0]:
            report.error(
                namespace.source,
                f'endpoint {name} is in namespace "{name.partition("/")[0]}", not "{namespace.text}"',
                "Say it once: in the key, or under `namespace`.",
                f"endpoints.{name}",
            )
            sections.torn = True
        elif ("endpoints", name, "namespace") not in sections.wrong:
            key = endpoint_key(name, node)
            sections.torn |= key in sections.endpoints
            _add("endpoints", key, node, sections.endpoints, report)


def _members(part: Node, section: str) -> list[tuple[str, Node]]:
    node = part.fields.get(section)
    return list(node.fields.items()) if node is not None else []


def _add(section: str, name: str, node: Node, known: dict[str, Node], report: Report) -> None:
    if name in known:
        kind = section.removesuffix("s")
        report.error(
            node.place, f"{kind} {name} is given twice", f"It is already at {known[name].place}.", f"{section}.{name}"
        )
    else:
        known[name] = node
