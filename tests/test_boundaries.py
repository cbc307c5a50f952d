"""The rules of the house, checked by reading the source: who may import what, and which names are not given."""

from __future__ import annotations

import ast
import itertools
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
HOUSE = ("cli", "state", "bpf", "schemas", "inventory")
SIDES = ("WORKSTATION:", "HOST:", "BOTH SIDES:", "DATA:")


def files(*folders: str) -> Iterator[Path]:
    """Every Python file below the folders."""
    return itertools.chain.from_iterable(sorted((ROOT / folder).rglob("*.py")) for folder in folders)


def imports(path: Path) -> set[str]:
    """Every module a file imports, also inside functions, as dotted names."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.add(node.module)
            names.update(f"{node.module}.{alias.name}" for alias in node.names)
    return names


def offenders(paths: Iterator[Path], forbidden: set[str]) -> list[str]:
    """`file imports module` for each import of a forbidden module or a part of one."""
    return [
        f"{path.relative_to(ROOT)} imports {name}"
        for path in paths
        for name in sorted(imports(path))
        if any(name == bad or name.startswith(bad + ".") for bad in forbidden)
    ]


def test_state_knows_neither_the_workstation_nor_its_libraries() -> None:
    forbidden = {"cli", "inventory", "schemas", "yaml", "typer", "rich", "paramiko", "jsonschema"}
    assert offenders(files("state", "bpf"), forbidden) == []


def test_only_the_host_side_does_input_and_output() -> None:
    pure = (path for path in files("state") if "host" not in path.relative_to(ROOT / "state").parts)
    assert (
        offenders(pure, {"os", "subprocess", "socket", "ctypes", "pyroute2", "pathlib", "state.host", "time", "random"})
        == []
    )


def test_kinds_reach_the_host_through_the_port_alone() -> None:
    forbidden = {"os", "ctypes", "pyroute2", "socket", "subprocess", "bpf.libbpf", "bpf.objects", "state.host"}
    assert offenders(files("state/kinds"), forbidden) == []


def test_rich_is_imported_by_the_renderers_alone() -> None:
    others = (path for path in files(*HOUSE) if "render" not in path.parts)
    assert offenders(others, {"rich"}) == []


def test_what_hosts_carry_never_names_the_lab() -> None:
    carried = [
        path
        for folder in ("state", "bpf")
        for path in sorted((ROOT / folder).rglob("*"))
        if path.suffix in {".py", ".c", ".h"}
    ]
    assert [path for path in carried if re.search(r"\blab\b", path.read_text(), re.IGNORECASE)] == []


@pytest.mark.parametrize("name", ["utils", "util", "helpers", "helper", "common", "core", "misc"])
def test_no_file_has_a_name_that_says_nothing(name: str) -> None:
    assert [path for path in files(*HOUSE, "tests") if path.stem == name] == []


def test_every_module_says_which_side_it_runs_on() -> None:
    silent = [
        str(path.relative_to(ROOT))
        for path in files(*HOUSE)
        if not (ast.get_docstring(ast.parse(path.read_text())) or "").startswith(SIDES)
    ]
    assert silent == []


def catches(handler: ast.ExceptHandler) -> set[str]:
    """The names of what a handler catches."""
    if handler.type is None:
        return {"BaseException"}
    return {item.id for item in ast.walk(handler.type) if isinstance(item, ast.Name)}


def test_no_handler_catches_everything_but_the_outermost() -> None:
    allowed = {"cli/app.py", "state/host/agent.py"}
    found = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for path in files(*HOUSE)
        if str(path.relative_to(ROOT)) not in allowed
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ExceptHandler) and catches(node) & {"Exception", "BaseException"}
    ]
    assert found == []


def test_files_are_about_one_thing() -> None:
    generated = {"bpf/layout.py"}
    long = [
        f"{path.relative_to(ROOT)}: {lines} lines"
        for path in files(*HOUSE)
        if (lines := len(path.read_text().splitlines())) > 300 and str(path.relative_to(ROOT)) not in generated
    ]
    assert long == []


def test_no_trace_of_where_this_was_written() -> None:
    words = ("/wor" + "k/", "/roo" + "t/.pyenv", "pypi" + ".org", "files.python" + "hosted")
    listing = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    found = [
        f"{name}: {word}"
        for name in listing.splitlines()
        if (ROOT / name).is_file()
        for word in words
        if word in (ROOT / name).read_text(errors="replace")
    ]
    assert found == []
