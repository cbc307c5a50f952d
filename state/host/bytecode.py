"""HOST: an archive with bytecode for the Python of this host, made where the workstation had another one."""

from __future__ import annotations

import importlib.util
import io
import marshal
import zipfile


def bytecode(text: bytes, name: str) -> bytes:
    """A .pyc that is never compared with its source: nothing in an archive changes after it is made."""
    code = compile(text, name, "exec", dont_inherit=True, optimize=0)
    return importlib.util.MAGIC_NUMBER + (1).to_bytes(4, "little") + bytes(8) + marshal.dumps(code)


def add(archive: zipfile.ZipFile, name: str, data: bytes) -> None:
    """A file in the archive, with nothing of when or by whom: equal content gives equal bytes."""
    entry = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
    entry.external_attr = 0o600 << 16
    archive.writestr(entry, data, zipfile.ZIP_DEFLATED, 6)


def compiled(data: bytes) -> bytes:
    """The same archive with this Python's bytecode instead of another's."""
    made = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(made, "w") as new:
        for name in sorted(old.namelist()):
            if name.endswith(".pyc"):
                continue
            content = old.read(name)
            add(new, name, content)
            if name.endswith(".py"):
                add(new, name + "c", bytecode(content, name))
    return made.getvalue()
