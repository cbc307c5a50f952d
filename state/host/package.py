"""HOST: the agent's archive as bytes: an index, then every file by itself, compressed. Read by `state.host.boot`.

Not a zip: to import 100 modules from one takes Python longer than to run them. For every source there is its bytecode,
of the Python that made the archive.
"""

from __future__ import annotations

import importlib.util
import json
import marshal
import zlib
from collections.abc import Mapping


def pack(files: Mapping[str, bytes]) -> bytes:
    """The archive of these files. Equal files give equal bytes."""
    index: dict[str, list[int]] = {}
    parts: list[bytes] = []
    offset = 0
    for name, content in sorted(files.items()):
        parts.append(zlib.compress(content, 6))
        index[name] = [offset, len(parts[-1])]
        offset += len(parts[-1])
    head = json.dumps(index, separators=(",", ":")).encode()
    return len(head).to_bytes(4, "big") + head + b"".join(parts)


def unpack(data: bytes) -> dict[str, bytes]:
    """The files of an archive."""
    start = 4 + int.from_bytes(data[:4], "big")
    index: dict[str, list[int]] = json.loads(data[4:start])
    return {
        name: zlib.decompress(data[start + offset : start + offset + size]) for name, (offset, size) in index.items()
    }


def compiled(files: Mapping[str, bytes]) -> dict[str, bytes]:
    """The files with this Python's bytecode beside every source, and no other's."""
    made = {name: content for name, content in files.items() if not name.endswith(".pyc")}
    for name, content in list(made.items()):
        if name.endswith(".py"):
            made[name + "c"] = marshal.dumps(compile(content, name, "exec", dont_inherit=True, optimize=0))
    return made


def whose() -> str:
    """Whose bytecode this Python reads and writes."""
    return importlib.util.MAGIC_NUMBER.hex()
