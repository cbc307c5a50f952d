"""HOST: the first stage: finds the agent's archive on this host or asks for it, verifies it, and runs it.

The workstation sends this file as text to `python3 -I -S -c`. So it imports nothing of netctl, and it must be readable
by a Python that is too old for the rest. The archive lies in a folder of root's alone, under its own digest, and is
hashed at every start; what is hashed is what runs, because it is imported through the open file. A disk that is full or
read-only is no obstacle: then the archive lives in memory. For a Python whose bytecode the archive lacks, a second
archive with bytecode is made once and named by its own digest too.
"""

import contextlib
import json
import os
import stat
import sys

OLDEST = (3, 9)


class UnsafeError(Exception):
    """The folder on this host is not one that can be trusted."""


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
    data = json.dumps(value).encode()
    write(out, len(data).to_bytes(4, "big") + data)


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


def content(fd: int) -> bytes:
    """The whole of an open file."""
    return os.pread(fd, os.fstat(fd).st_size, 0)


def enter(folder: str, make: bool) -> int:
    """A descriptor of netctl's folder, which must belong to this user alone."""
    if make:
        with contextlib.suppress(FileExistsError):
            os.mkdir(folder, 0o700)
    found = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    status = os.fstat(found)
    if status.st_uid != os.geteuid() or stat.S_IMODE(status.st_mode) & 0o077:
        raise UnsafeError(
            f"{folder} belongs to user {status.st_uid} with mode {stat.S_IMODE(status.st_mode):o}; it must be root's "
            "alone (mode 700). Look at who made it, then remove it."
        )
    return found


def cached(folder: str, start: str, digest: str) -> int:
    """A descriptor of the file whose name begins with `start` and whose digest is right, or -1.

    Without a digest the name's own last part is what the file must hash to.
    """
    try:
        place = enter(folder, False)
    except OSError:
        return -1
    for name in sorted(os.listdir(place)):
        if name.startswith(start) and name.endswith(".pyz"):
            try:
                fd = os.open(name, os.O_RDONLY | os.O_NOFOLLOW, dir_fd=place)
            except OSError:
                continue
            if sha256(content(fd)) == (digest or name[len(start) : -4]):
                os.close(place)
                return fd
            os.close(fd)
    os.close(place)
    return -1


def store(folder: str, name: str, data: bytes, keep: str) -> int:
    """A descriptor of a new file with this data: in the folder, or in memory if it cannot be written there."""
    unfinished = f"{name}.{os.getpid()}"
    try:
        place = enter(folder, True)
        try:
            fd = os.open(unfinished, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600, dir_fd=place)
            try:
                write(fd, data)
                os.rename(unfinished, name, src_dir_fd=place, dst_dir_fd=place)
            except OSError:
                os.unlink(unfinished, dir_fd=place)
                raise
            for other in os.listdir(place):
                if other.startswith("agent-") and not other.startswith(keep):
                    os.unlink(other, dir_fd=place)
        finally:
            os.close(place)
    except OSError as error:
        sys.stderr.write(f"netctl: {error}: running from memory\n")
        fd = os.memfd_create("netctl-agent")
        write(fd, data)
    return fd


def archive(asked: "dict[str, str]", out: int) -> "tuple[int, list[bytes]]":
    """A descriptor of the verified archive, and the requests that came before it was there."""
    start = "agent-" + asked["digest"]
    early = [b""][:0]  # of bytes, said without syntax that an old Python lacks
    fd = cached(asked["folder"], start + ".", asked["digest"])
    if fd < 0:
        send(out, {"need": asked["digest"]})
        is_archive, data = frame()
        while not is_archive:
            early.append(data)
            is_archive, data = frame()
        if sha256(data) != asked["digest"]:
            raise UnsafeError("the agent arrived damaged: its digest is not the one announced")
        fd = store(asked["folder"], start + ".pyz", data, start)
    return fd, early


def with_bytecode(fd: int, asked: "dict[str, str]") -> int:
    """The archive that holds bytecode for this very Python: this one, or one derived from it once."""
    from importlib.util import MAGIC_NUMBER

    if asked["bytecode"] == MAGIC_NUMBER.hex():
        return fd
    start = "agent-{}-{}-".format(asked["digest"], sys.implementation.cache_tag)
    ready = cached(asked["folder"], start, "")
    if ready >= 0:
        return ready
    path = f"/proc/self/fd/{fd}"
    sys.path.insert(0, path)
    from state.host.bytecode import compiled

    data = compiled(content(fd))
    sys.path.remove(path)
    for name in [name for name in sys.modules if name.split(".")[0] == "state"]:
        del sys.modules[name]
    return store(asked["folder"], start + sha256(data) + ".pyz", data, "agent-" + asked["digest"])


def main() -> None:
    """Greet, find the agent, become it."""
    asked = json.loads(frame()[1].decode())
    out = os.dup(1)
    os.dup2(2, 1)  # whatever prints from here on is a log line, never part of the conversation
    write(out, asked["marker"].encode())
    if sys.version_info < OLDEST:
        found, needed = ("{}.{}".format(*version) for version in (sys.version_info, OLDEST))
        send(out, {"refused": f"python3 on the host is {found}; netctl needs {needed} or newer"})
        return
    try:
        fd, early = archive(asked, out)
        fd = with_bytecode(fd, asked)
    except UnsafeError as error:
        send(out, {"refused": str(error)})
        return
    sys.path.insert(0, f"/proc/self/fd/{fd}")
    from state.host import agent

    agent.main(asked, out, early)


if __name__ == "__main__":
    main()
