"""DATA: YAML text as a tree in which every node knows its place. Strict: what readers disagree on is an error.

Anchors, aliases, merge keys and tags are refused: a line that stands in for other lines makes a diff lie, and a place
point to where nobody looks. So the tree is what the file shows.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Optional, Union

import yaml

from schemas import scalars
from schemas.report import Report
from schemas.scalars import Scalar
from state.problem import Source

_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
DEPTH = 64


@dataclass(frozen=True, eq=False)
class Node:
    """A value with its place; `key` is the place of its key where it stands in a mapping.

    `wrong`: a problem with it is reported already, so nothing more need be said of its value.
    """

    value: Union[Scalar, list[Node], dict[str, Node]]
    source: Source
    key: Optional[Source] = None
    wrong: bool = False

    @property
    def place(self) -> Source:
        """Where a person looks for it: its key, if it has one."""
        return self.key or self.source

    @property
    def fields(self) -> dict[str, Node]:
        """Its members by key; empty unless it is a mapping."""
        return self.value if isinstance(self.value, dict) else {}

    @property
    def items(self) -> list[Node]:
        """Its members; empty unless it is a list."""
        return self.value if isinstance(self.value, list) else []

    @property
    def text(self) -> str:
        """Its text; empty unless it is one."""
        return self.value if isinstance(self.value, str) else ""


@dataclass
class _Open:
    """A collection whose end has not come yet."""

    source: Source
    key: Optional[Source]
    value: Union[list[Node], dict[str, Node]]
    pending: Optional[tuple[Optional[str], Source]] = None
    in_key: bool = False
    wrong: bool = False
    first: dict[str, Source] = field(default_factory=dict[str, Source])


def read(text: str, file: str, report: Report) -> list[Node]:
    """The documents of a YAML text. What is wrong goes to the report; a broken document ends the reading."""
    documents: list[Node] = []
    try:
        reader = _Reader(file, report)
        for document in reader.documents(yaml.parse(text, Loader=_Loader)):
            documents.append(document)  # noqa: PERF402  (what was read before an error is kept)
    except yaml.MarkedYAMLError as error:
        report.incomplete = True
        _syntax(error, text, file, report)
    except yaml.reader.ReaderError as error:
        report.incomplete = True
        line = text.count("\n", 0, error.position) + 1
        report.error(Source(file, line), f"the control character 0x{error.character:02x} is not allowed in YAML")
    return documents


class _Reader:
    """Builds nodes from parser events, with a stack instead of recursion: no nesting can exhaust it."""

    def __init__(self, file: str, report: Report) -> None:
        self._file, self._report = file, report
        self._stack: list[_Open] = []

    def documents(self, events: Iterator[Any]) -> Iterator[Node]:
        """The root node of each document."""
        for event in events:
            root: Optional[Node] = None
            if isinstance(event, yaml.ScalarEvent):
                root = self._scalar(event)
            elif isinstance(event, yaml.AliasEvent):
                root = self._alias(event)
            elif isinstance(event, yaml.CollectionStartEvent):
                if not self._open(event):
                    return
            elif isinstance(event, yaml.CollectionEndEvent):
                done = self._stack.pop()
                root = self._attach(Node(done.value, done.source, done.key, done.wrong))
            if root is not None:
                yield root

    def _open(self, event: Any) -> bool:
        source = self._source(event)
        wrong = self._has_properties(event, source)
        if len(self._stack) >= DEPTH:
            self._report.incomplete = True
            self._report.error(source, f"nested deeper than {DEPTH} levels")
            return False
        container = self._stack[-1] if self._stack else None
        if container and isinstance(container.value, dict) and container.pending is None:
            self._report.error(source, "a key must be text, not a list or a mapping")
            container.pending, container.in_key = (None, source), True
        key = container.pending[1] if container and container.pending else None
        value: Union[list[Node], dict[str, Node]] = {} if isinstance(event, yaml.MappingStartEvent) else []
        self._stack.append(_Open(source, key, value, wrong=wrong))
        return True

    def _scalar(self, event: Any) -> Optional[Node]:
        source = self._source(event)
        wrong = self._has_properties(event, source)
        plain = event.style is None or event.style == ""
        container = self._stack[-1] if self._stack else None
        if container and isinstance(container.value, dict) and container.pending is None:
            self._key(container, event.value, plain, source)
            return None
        if plain and (found := scalars.trap(event.value)):
            self._report.error(source, *found)
            wrong = True
        return self._place(scalars.value(event.value) if plain else event.value, source, wrong)

    def _alias(self, event: Any) -> Optional[Node]:
        source = self._source(event)
        self._refused(source, f"the alias `*{event.anchor}`")
        container = self._stack[-1] if self._stack else None
        if container and isinstance(container.value, dict) and container.pending is None:
            container.pending = (None, source)
            return None
        return self._place(None, source, wrong=True)

    def _key(self, container: _Open, word: str, plain: bool, source: Source) -> None:
        name: Optional[str] = word
        if plain and word == "<<":
            self._refused(source, "the merge key `<<`")
            name = None
        elif plain and (found := scalars.trap(word)):
            self._report.error(source, *found)
        elif plain and not isinstance(scalars.value(word), str):
            self._report.error(source, f"the key `{word}` is not text", f'Write "{word}" in quotes.')
        if name in container.first:
            self._report.error(source, f'duplicate key "{name}"', f"It is already at {container.first[name]}.")
            name = None
        if name is not None:
            container.first[name] = source
        container.pending = (name, source)

    def _place(self, value: Scalar, source: Source, wrong: bool) -> Optional[Node]:
        container = self._stack[-1] if self._stack else None
        key = container.pending[1] if container and container.pending else None
        return self._attach(Node(value, source, key, wrong))

    def _attach(self, node: Node) -> Optional[Node]:
        """Put a finished node into what holds it; a document's root is handed back."""
        if not self._stack:
            return node
        container = self._stack[-1]
        if isinstance(container.value, list):
            container.value.append(node)
        elif container.in_key:
            container.in_key = False
        elif container.pending is not None:
            name = container.pending[0]
            if name is not None:
                container.value[name] = node
            container.pending = None
        return None

    def _source(self, event: Any) -> Source:
        return Source(self._file, event.start_mark.line + 1, event.start_mark.column + 1)

    def _has_properties(self, event: Any, source: Source) -> bool:
        """Whether there is an anchor or a tag, after reporting it."""
        if event.anchor is not None:
            self._refused(source, f"the anchor `&{event.anchor}`")
        if event.tag is not None:
            self._refused(source, f"the tag `{event.tag.replace('tag:yaml.org,2002:', '!!')}`")
        return event.anchor is not None or event.tag is not None

    def _refused(self, source: Source, what: str) -> None:
        self._report.error(
            source,
            f"{what} is not allowed here",
            "A manifest says what it shows: write the value out where it is used.",
        )


def _syntax(error: yaml.MarkedYAMLError, text: str, file: str, report: Report) -> None:
    mark: Any = error.problem_mark or error.context_mark
    source = Source(file, mark.line + 1, mark.column + 1) if mark is not None else Source(file, 1)
    lines = text.splitlines()
    line = lines[source.line - 1] if source.line <= len(lines) else ""
    if "\t" in line[: len(line) - len(line.lstrip())] or line[source.column - 1 : source.column] == "\t":
        report.error(source, "a tab where YAML wants spaces", "Indent with spaces: YAML does not allow tabs.")
        return
    context: Any = error.context_mark
    began = f" {error.context}, which begins on line {context.line + 1}" if error.context and context else ""
    detail = f"The reader was{began.replace(' while', '')}." if began else ""
    if str(error.problem).startswith("mapping values are not allowed"):
        detail = "Text that holds `: ` needs quotes; a nested mapping begins on a line of its own."
    report.error(source, f"not YAML: {error.problem}", detail)
