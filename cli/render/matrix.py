"""WORKSTATION: who reaches whom: a table as wide as the terminal, a table in Markdown, or one object for programs.

    {"format_version": "1.0", "cluster": "shop",
     "groups": [{"name": "shop app=web", "kind": "endpoints",       hosts, or world
                 "namespace": "shop", "labels": ["app=web"],        what all members have; empty but for endpoints
                 "members": ["shop/web-1", "shop/web-2"]}],         keys of endpoints, names of hosts, or blocks
     "reach": [{"from": "shop app=web", "to": "shop app=db",
                "allow": [{"family": "IPv4", "protocol": "TCP", "port": 5432, "end_port": 5432}]}]}

`reach` has every pair that a policy can be about; of ICMP `port` and `end_port` are types. With `--port` only that port
is asked about.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Iterator, Sequence
from typing import Any, Optional

from cli.render.page import CARE, FAINT, GOOD, STRONG, Line, Span, line, write
from state.policy import said
from state.policy.groups import Group
from state.policy.matrix import Cell, Matrix, plain
from state.policy.portset import EVERY_PORT, PortSet
from state.policy.reach import CARRIED

FORMAT_VERSION = "1.0"
CORNER = "from \\ to"
NAMED = 3
NOTE = (
    "-: nothing passes. Blank: no policy is about it; a host always reaches its own endpoints, and an endpoint itself."
)


def show(cluster: str, matrix: Matrix, output: str) -> None:
    """Print the matrix to standard output, for people, programs or pull requests."""
    if output == "json":
        json.dump(document(cluster, matrix), sys.stdout, indent=2)
        sys.stdout.write("\n")
    elif output == "markdown":
        sys.stdout.write(markdown(matrix))
    else:
        write(table(matrix, _width()), sys.stdout)


def _width() -> Optional[int]:
    """The columns there are; what is not read on a terminal needs no breaking."""
    if sys.stdout.isatty() or os.environ.get("COLUMNS"):
        return shutil.get_terminal_size().columns
    return None


def table(matrix: Matrix, width: Optional[int] = None) -> list[Line]:
    """The matrix as a table; where it is too wide, several, each with some of the columns."""
    rows, columns = _sides(matrix)
    if not rows or not columns:
        return [line("There is nobody whom a policy could be about.")]
    first = max(len(CORNER), *(len(title(row)) for row in rows))
    found: list[Line] = []
    for panel in _panels(matrix, rows, columns, None if width is None else width - first):
        found += [line()] if found else []
        found += _panel(matrix, rows, panel, first)
    found += [line(), line((NOTE, FAINT))]
    return [*found, *(line((told, FAINT)) for told in _legend(matrix))]


def _legend(matrix: Matrix) -> list[str]:
    """Who is in each group of several endpoints."""
    several = [group for group in matrix.groups if group.kind == "endpoints" and len(group.members) > 1]
    return [f"{title(group)}: {_members(group)}" for group in several]


def _sides(matrix: Matrix) -> tuple[list[Group], list[Group]]:
    """The groups that a policy can be about as a source, and as a target."""
    begins, ends = ({pair[side] for pair in matrix.cells} for side in (0, 1))
    return [one for one in matrix.groups if one.name in begins], [one for one in matrix.groups if one.name in ends]


def title(group: Group) -> str:
    """A group's name, with the number of its members where that tells something."""
    return (
        f"{group.name} ({len(group.members)})" if group.kind == "endpoints" and len(group.members) > 1 else group.name
    )


def _members(group: Group) -> str:
    shown = group.members[:NAMED]
    return ", ".join(shown) + (f" and {len(group.members) - NAMED} more" if len(group.members) > NAMED else "")


def _panels(
    matrix: Matrix, rows: Sequence[Group], columns: Sequence[Group], room: Optional[int]
) -> Iterator[list[tuple[Group, int]]]:
    """The columns with their widths, as many together as there is room for."""
    panel: list[tuple[Group, int]] = []
    used = 0
    for column in columns:
        cells = (len(text(matrix, row, column)) for row in rows)
        wide = max(*map(len, title(column).split()), *cells)
        if panel and room is not None and used + wide + 2 > room:
            yield panel
            panel, used = [], 0
        panel.append((column, wide))
        used += wide + 2
    yield panel


def _panel(matrix: Matrix, rows: Sequence[Group], panel: Sequence[tuple[Group, int]], first: int) -> Iterator[Line]:
    heads = [title(column).split() for column, _ in panel]
    deep = max(map(len, heads))
    for place in range(deep):
        words = [_word(head, place - deep + len(head)) for head in heads]
        cells = [f"  {word:<{wide}}" for word, (_, wide) in zip(words, panel, strict=True)]
        corner = CORNER if place == deep - 1 else ""
        yield line((f"{corner:<{first}}" + "".join(cells), STRONG))
    for row in rows:
        spans: list[Span] = [(f"{title(row):<{first}}", "")]
        for column, wide in panel:
            told = text(matrix, row, column)
            spans.append((f"  {told:<{wide}}", {"-": FAINT, "all": CARE}.get(told, GOOD)))
        yield tuple(spans)


def _word(words: Sequence[str], place: int) -> str:
    return words[place] if place >= 0 else ""


def text(matrix: Matrix, source: Group, target: Group) -> str:
    """What passes between two groups: `all`, `-`, or the ports; empty where no policy is about it."""
    cell = matrix.reach(source, target)
    if cell is None:
        return ""
    told = {version: _passes(matrix, cell, version) for version in cell}
    if len(set(told.values())) == 1:
        return next(iter(told.values()))
    return ", ".join(f"IPv{version} {what}" for version, what in told.items()) or "-"


def _passes(matrix: Matrix, cell: Cell, version: int) -> str:
    passes, asked = cell[version], matrix.ports.only(CARRIED[version])
    if not passes:
        return "-"
    if passes == asked:
        return "all" if matrix.ports == EVERY_PORT else "yes"
    withheld = asked - passes
    if len(withheld.ranges) < len(passes.ranges):
        return f"all but {_ports(withheld)}"
    return _ports(passes)


def _ports(ports: PortSet) -> str:
    """The ports in a few words: those of several protocols together, of many the first."""
    listed = [said.span(*item) for item in plain(ports).ranges]
    return " ".join(listed[:NAMED]) + (f" +{len(listed) - NAMED}" if len(listed) > NAMED else "")


def markdown(matrix: Matrix) -> str:
    """The matrix as a table in Markdown, and who is in each group."""
    rows, columns = _sides(matrix)
    found = [[CORNER, *map(title, columns)], ["---"] * (len(columns) + 1)]
    found += [[title(row), *(text(matrix, row, column) for column in columns)] for row in rows]
    lines = [f"| {' | '.join(cells)} |" for cells in found]
    groups = [f"- {told}" for told in _legend(matrix)]
    return "\n".join([*lines, "", NOTE, *([""] if groups else []), *groups]) + "\n"


def document(cluster: str, matrix: Matrix) -> dict[str, Any]:
    """The matrix for programs."""
    return {
        "format_version": FORMAT_VERSION,
        "cluster": cluster,
        "groups": [
            {
                "name": group.name,
                "kind": group.kind,
                "namespace": group.namespace,
                "labels": list(group.labels),
                "members": list(group.members),
            }
            for group in matrix.groups
        ],
        "reach": [
            {"from": source, "to": target, "allow": [*_allowed(cell)]}
            for (source, target), cell in matrix.cells.items()
        ],
    }


def _allowed(cell: Cell) -> Iterator[dict[str, Any]]:
    for version, ports in cell.items():
        for protocol, first, last in ports.ranges:
            yield {"family": f"IPv{version}", "protocol": protocol, "port": first, "end_port": last}
