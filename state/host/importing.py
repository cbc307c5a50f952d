"""HOST: the first stage's first half: frames, digests, and how modules come from the bytes of an archive.

It is sent in front of `state.host.boot`, as one text: nothing of netctl can be imported before this has run, and a
Python that is too old for the rest must be able to read it.
"""

import marshal
import os
import sys
import zlib
from _blake2 import blake2b
from _frozen_importlib import ModuleSpec

TYPE_CHECKING = False  # typing's own would cost more than all of this file
if TYPE_CHECKING:
    from types import ModuleType
    from typing import Any


class DamagedError(OSError):
    """An archive is not what its digest says."""


def receive(size: int) -> bytes:
    """Exactly `size` bytes from the workstation; no more, so that the agent finds the rest."""
    parts = [b""]
    while size:
        part = os.read(0, min(size, 1 << 20))
        if not part:
            os._exit(0)
        parts.append(part)
        size -= len(part)
    return b"".join(parts)


def frame() -> "tuple[bool, bytes]":
    """The next frame, and whether it is the archive."""
    size = int.from_bytes(receive(4), "big")
    return size >= 1 << 31, receive(size & 0x7FFFFFFF)


def send(out: int, value: object) -> None:
    """One frame to the workstation."""
    import json

    data = json.dumps(value).encode()
    write(out, len(data).to_bytes(4, "big") + data)


class Reading:
    """How JSON is read: as always."""

    strict = True
    object_hook = object_pairs_hook = parse_constant = None
    parse_float = float
    parse_int = int


def parsed(data: bytes) -> "dict[str, Any]":
    """What JSON stands for, by the scanner that `json` uses: importing that would cost more than all of this file."""
    try:
        scanner = __import__("_json").make_scanner
        found = scanner(Reading)(data.decode(), 0)[0]
    except ImportError:
        found = __import__("json").loads(data.decode())
    return dict(found)


def write(out: int, data: bytes) -> None:
    """All bytes to a file."""
    view = memoryview(data)
    while view:
        view = view[os.write(out, view) :]


def sha256(data: bytes) -> str:
    """The digest; by the interpreter's own module where there is one, as hashlib would load OpenSSL."""
    for name in ("_sha256", "_sha2", "hashlib"):
        try:
            return str(__import__(name).sha256(data).hexdigest())
        except ImportError:
            continue
    raise ImportError("hashlib")


class Few:
    """Imports the few modules whose bytecode came with this file; `archive` has all others, once that is needed."""

    def __init__(self, bytecode: "dict[str, Any]") -> None:
        self.bytecode = bytecode
        self.archive: Archive | None = None

    def get_data(self, path: str) -> bytes:
        """A file of the archive."""
        if self.archive is None:
            raise FileNotFoundError(path)
        return self.archive.get_data(path)

    def get_source(self, name: str) -> str:
        """A module's source, for tracebacks."""
        return self.archive.get_source(name) if self.archive is not None else ""

    def find_spec(self, name: str, path: object = None, target: object = None) -> "ModuleSpec | None":
        """Where a module is."""
        return spec_of(name, self, self.bytecode)

    def create_module(self, spec: "ModuleSpec") -> None:
        """A module like any other."""

    def exec_module(self, module: "ModuleType") -> None:
        """Run a module's bytecode."""
        exec(self.bytecode[str(module.__file__)], module.__dict__)


def spec_of(name: str, loader: "Any", files: "Any") -> "ModuleSpec | None":
    """Where a module is among files by name, if it is."""
    plain = name.replace(".", "/")
    for origin, is_package in ((plain + ".py", False), (plain + "/__init__.py", True)):
        if origin in files:
            spec = ModuleSpec(name, loader, origin=origin, is_package=is_package)
            spec.has_location = True
            return spec
    return None


class Archive:
    """Imports modules from the bytes of an archive (see `state.host.package`), if they have the right digest."""

    def __init__(self, data: bytes, digest: str) -> None:
        self.start = 4 + int.from_bytes(data[:4], "big")
        if sha256(data[: self.start]) != digest:
            raise DamagedError
        head = parsed(data[4 : self.start])
        self.index, self.digests = head["files"], head["digests"]
        self.middle = self.start + head["early"]
        self.data = data
        self.name = f"{digest} {sys.implementation.cache_tag}"
        self.checked = 0
        self.bytecode: dict[str, Any] = {}
        self.check()

    def check(self) -> None:
        """Hash the next half."""
        half = self.data[self.middle :] if self.checked else self.data[self.start : self.middle]
        if blake2b(half).hexdigest() != self.digests[self.checked]:
            raise DamagedError("the agent's archive on this host is damaged; remove /run/netctl, and try again")
        self.checked += 1

    def get_data(self, path: str) -> bytes:
        """A file of the second half."""
        if path not in self.index:
            raise FileNotFoundError(path)
        if self.checked == 1:
            self.check()
        offset, size = self.index[path]
        return zlib.decompress(self.data[self.middle + offset : self.middle + offset + size])

    def get_source(self, name: str) -> str:
        """A module's source, for tracebacks."""
        spec = self.find_spec(name)
        return self.get_data(str(spec.origin)).decode() if spec else ""

    def find_spec(self, name: str, path: object = None, target: object = None) -> "ModuleSpec | None":
        """Where a module is."""
        return spec_of(name, self, self.index)

    def create_module(self, spec: "ModuleSpec") -> None:
        """A module like any other."""

    def exec_module(self, module: "ModuleType") -> None:
        """Run a module's bytecode."""
        if not self.bytecode:
            self.bytecode = marshal.loads(self.data[self.start : self.middle])
        path = str(module.__file__)
        exec(self.bytecode.get(path) or marshal.loads(self.get_data(path + "c")), module.__dict__)
