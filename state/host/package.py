"""HOST: the agent's archive as bytes: a head, then two halves. Read by `state.host.boot`.

Not a zip: to import 100 modules from one takes Python longer than to run them. The first half is the bytecode of
everything that an agent needs to look around, as one marshalled mapping, of the Python that made the archive. The
second holds all other files, each compressed: sources, the bytecode of the rest, compiled programs. The head says where
each file is, and the digests of the halves; its own digest is the archive's. So a start need not hash the second half.
"""

from __future__ import annotations

import ast
import hashlib
import importlib.util
import json
import marshal
import zlib
from collections.abc import Mapping, Sequence
from typing import Any, Optional

FEW = "few"
"""The bytecode of the first stage, and of what it needs to answer by memory: one marshalled mapping, by file."""
BOOT = "first stage"
_FIRST_STAGE = ("state/host/importing.py", "state/host/boot.py")
_MEMORY = ("dumps", "files", "login", "notation", "recall", "ruleset")
BY_MEMORY = (*(f"state/host/{name}.py" for name in _MEMORY), "bpf/sight.py")
"""`state.host.recall`, and the modules of questions."""
_STEPS = ("agent", "linux", "notation", "observe", "records")
BEGIN = (*(f"state/host/{name}.py" for name in _STEPS), "bpf/port.py")
"""What every look around imports; what these import, it imports too."""


def pack(files: Mapping[str, bytes]) -> bytes:
    """The archive of these files and their bytecode."""
    early = {name: _code(name, files[name]) for name in _imported(files, BEGIN)}
    few = {name: _code(name, files[name]) for name in _imported(files, BY_MEMORY)}
    few[BOOT] = _code(BOOT, first_stage(files))
    parts = {name: zlib.compress(content, 6) for name, content in sorted(files.items())}
    parts[FEW] = _dumped(few)
    for name, content in sorted(files.items()):
        if name.endswith(".py") and name not in early:
            parts[name + "c"] = zlib.compress(_dumped(_code(name, content)), 6)
    index: dict[str, list[int]] = {}
    at = 0
    for name, part in parts.items():
        index[name] = [at, len(part)]
        at += len(part)
    halves = _dumped(early), b"".join(parts.values())
    digests = [hashlib.blake2b(half).hexdigest() for half in halves]
    head = json.dumps({"early": len(halves[0]), "digests": digests, "files": index}, separators=(",", ":")).encode()
    return len(head).to_bytes(4, "big") + head + halves[0] + halves[1]


def first_stage(files: Mapping[str, bytes]) -> bytes:
    """The source of what finds the archive, and runs what is in it."""
    return b"\n".join(files[name] for name in _FIRST_STAGE)


def digest(data: bytes) -> str:
    """The digest of an archive: its head's, which holds those of the halves."""
    return hashlib.sha256(data[: _start(data)]).hexdigest()


def place(data: bytes, name: str) -> tuple[int, int]:
    """Where a file is in an archive, as it stands there: offset and size."""
    head = json.loads(data[4 : _start(data)])
    offset, size = head["files"][name]
    return _start(data) + head["early"] + offset, size


def unpack(data: bytes) -> dict[str, bytes]:
    """The files that an archive was made of."""
    head = json.loads(data[4 : _start(data)])
    late = data[_start(data) + head["early"] :]
    return {
        name: zlib.decompress(late[offset : offset + size])
        for name, (offset, size) in head["files"].items()
        if not name.endswith(".pyc") and name != FEW
    }


def whose() -> str:
    """Whose bytecode this Python reads and writes."""
    return importlib.util.MAGIC_NUMBER.hex()


def _start(data: bytes) -> int:
    """Where the halves begin."""
    return 4 + int.from_bytes(data[:4], "big")


def _code(name: str, source: bytes) -> Any:
    """The bytecode of a module; netctl's own without what only people read."""
    tree = ast.parse(source)
    if not name.startswith("pyroute2/"):
        tree = ast.fix_missing_locations(_Lean().visit(tree))
    return compile(tree, name, "exec", dont_inherit=True, optimize=0)


def _dumped(value: Any) -> bytes:
    """Bytecode as bytes, the same on every workstation.

    Later formats of marshal say where an object occurs twice, and which strings are shared with the rest of a process.
    """
    return marshal.dumps(value, 2)


class _Lean(ast.NodeTransformer):
    """Leaves out docstrings, and annotations of functions: they are a fifth of the bytecode."""

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        """A function."""
        node.returns = None
        extra = [item for item in (node.args.vararg, node.args.kwarg) if item is not None]
        for argument in (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs, *extra):
            argument.annotation = None
        return self._plain(node)

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.AST:
        """A class."""
        return self._plain(node)

    def visit_Module(self, node: ast.Module) -> ast.AST:
        """A module."""
        return self._plain(node)

    def _plain(self, node: Any) -> ast.AST:
        self.generic_visit(node)
        if ast.get_docstring(node, clean=False) is not None:
            node.body = node.body[1:] or [ast.Pass()]
        plain: ast.AST = node
        return plain


def _imported(files: Mapping[str, bytes], begin: Sequence[str]) -> list[str]:
    """The files that these import as they are imported themselves, and these files."""
    found: set[str] = set()
    todo = list(begin)
    while todo:
        name = todo.pop()
        if name not in found and name in files:
            found.add(name)
            todo += _imports(files, files[name])
            todo.append(f"{name.rpartition('/')[0]}/__init__.py")
    return sorted(found)


def _imports(files: Mapping[str, bytes], source: bytes) -> list[str]:
    """What a module imports of these files, at its top level."""
    names: list[str] = []
    for node in ast.parse(source).body:
        if isinstance(node, ast.ImportFrom) and node.module:
            names += [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        elif isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
    return [found for name in names if (found := _file(files, name)) is not None]


def _file(files: Mapping[str, bytes], module: str) -> Optional[str]:
    plain = module.replace(".", "/")
    return next((name for name in (f"{plain}.py", f"{plain}/__init__.py") if name in files), None)
