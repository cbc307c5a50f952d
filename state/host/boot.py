"""HOST: the first stage: finds the agent's archive on this host or asks for it, verifies it, and runs it.

The workstation sends this file as text to `python3 -I -S -c`, `state.host.importing` in front of it. So it imports
nothing of netctl, and it must be readable by a Python that is too old for the rest. The archive lies in a folder of
root's alone, under its own digest, and is hashed at every start; it runs from the very bytes that were hashed. So a
disk that is full or read-only is no obstacle. Where the archive is there already, this file runs from its bytecode in
there, and with it come the few modules that answer by memory (`state.host.recall`): most of the time they are all that
is needed. For a Python whose bytecode the archive lacks, a second archive with bytecode is made once and named by its
own digest.
"""

import gc
import os
import sys
from _blake2 import blake2b

TYPE_CHECKING = False  # typing's own would cost more than all of this file
if TYPE_CHECKING:  # it runs in front of this file, in the same names
    from state.host.importing import Archive, DamagedError, Few, frame, parsed, send, write

OLDEST = (3, 9)


class UnsafeError(Exception):
    """The folder on this host is not one that can be trusted."""


def enter(folder: str, make: bool) -> int:
    """A descriptor of netctl's folder, which must belong to this user alone."""
    if make and not os.path.isdir(folder):
        os.mkdir(folder, 0o700)
    found = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    status = os.fstat(found)
    if status.st_uid != os.geteuid() or status.st_mode & 0o077:
        raise UnsafeError(
            f"{folder} belongs to user {status.st_uid} with mode {status.st_mode & 0o7777:o}; it must be root's "
            "alone (mode 700). Look at who made it, then remove it."
        )
    return found


def cached(folder: str, start: str, digest: str) -> "Archive | None":
    """The archive whose name begins with `start` and whose digest is right, if there is one.

    Without a digest the name's own last part is what the file must hash to.
    """
    try:
        place = enter(folder, False)
    except OSError:
        return None
    for name in sorted(os.listdir(place)):
        if name.startswith(start) and (name == start or not digest):
            try:
                fd = os.open(name, os.O_RDONLY | os.O_NOFOLLOW, dir_fd=place)
            except OSError:
                continue
            with open(fd, "rb") as file:
                data = file.read()
            try:
                found = Archive(data, digest or name[len(start) :])
            except DamagedError:
                continue
            os.close(place)
            return found
    os.close(place)
    return None


def store(folder: str, name: str, data: bytes, keep: str) -> None:
    """Keep data in the folder, if that can be written, and remove what does not begin with `keep`."""
    unfinished = f"{name}.{os.getpid()}"
    try:
        place = enter(folder, True)
        try:
            fd = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600, dir_fd=place)
            try:
                with open(fd, "wb") as file:
                    file.write(data)
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


def archive(asked: "dict[str, str]", out: int, early: "list[bytes]") -> "Archive":
    """The verified archive; requests that come before it is there go to `early`. Without `out` it must be there."""
    start = "agent-" + asked["digest"]
    found = cached(asked["folder"], start, asked["digest"])
    if found is None and out < 0:
        raise UnsafeError("the agent's archive on this host went away or is damaged; try again")
    if found is None:
        send(out, {"need": asked["digest"]})
        is_archive, data = frame()
        while not is_archive:
            early.append(data)
            is_archive, data = frame()
        try:
            found = Archive(data, asked["digest"])
            found.check()
        except DamagedError:
            raise UnsafeError("the agent arrived damaged: its digest is not the one announced") from None
        store(asked["folder"], start, data, start)
    return found


def with_bytecode(here: "Archive", asked: "dict[str, str]") -> "Archive":
    """The archive that holds bytecode for this very Python: this one, or one derived from it once."""
    from _frozen_importlib_external import MAGIC_NUMBER

    if asked["bytecode"] == MAGIC_NUMBER.hex():
        return here
    start = "agent-{}-{}".format(asked["digest"], sys.implementation.cache_tag)
    found = cached(asked["folder"], start + "-", "")
    if found is None:
        module = type(sys)("package")
        exec(compile(here.get_data("state/host/package.py"), "state/host/package.py", "exec"), module.__dict__)
        made = bytes(module.pack(module.unpack(here.data)))
        found = Archive(made, module.digest(made))
        offset, size = module.place(made, module.FEW)
        few = made[offset : offset + size]
        keep = "agent-" + asked["digest"]
        store(asked["folder"], start + "-" + module.digest(made), made, keep)
        store(asked["folder"], start + ".few", blake2b(few, digest_size=32).digest() + few, keep)
    found.name = here.name
    return found


def begin_cheaply() -> None:
    """Leave out what is not needed and costs more than all the rest: see `state.host.records` and `.notation`."""
    from state.host import records

    gc.disable()  # for a life this short there is nothing to collect; streams enable it again
    sys.modules["dataclasses"] = records
    read_cheaply()
    if "hashlib" not in sys.modules:
        sys.modules["_hashlib"] = None  # type: ignore[assignment]  # OpenSSL; Python has SHA-256 of its own


def read_cheaply() -> None:
    """JSON without regular expressions, where this Python can."""
    try:
        from state.host import notation
    except ImportError:
        return
    sys.modules["json"] = notation


def by_memory(asked: "dict[str, str]", out: int, early: "list[bytes]") -> bool:
    """Answer the first request if nothing on this host has changed; then wait for the next one.

    The request is in `early` where it must be answered by others; if it was answered, the next is.
    """
    early.append(frame()[1])
    read_cheaply()
    from state.host import recall

    name = "{} {}".format(asked["digest"], sys.implementation.cache_tag)
    if not recall.answer(asked, name, parsed(early[0]), out):
        return False
    early[:] = [frame()[1]]
    return True


def refuse(out: int, reason: str, early: "list[bytes]", greeted: bool) -> None:
    """Say why this host will not be the agent's; to a request where one was answered already."""
    if greeted:
        problem = {"type": "HostError", "problems": [{"summary": reason}]}
        send(out, {"id": parsed(early[0])["id"], "error": problem})
    else:
        send(out, {"refused": reason})


def main() -> None:
    """Greet, find the agent, become it."""
    asked = parsed(frame()[1])
    out = os.dup(1)
    os.dup2(2, 1)  # whatever prints from here on is a log line, never part of the conversation
    write(out, asked["marker"].encode())
    if sys.version_info < OLDEST:
        here, needed = ("{}.{}".format(*version) for version in (sys.version_info, OLDEST))
        send(out, {"refused": f"python3 on the host is {here}; netctl needs {needed} or newer"})
        return
    few = Few(globals().get("few") or {})
    sys.meta_path.insert(0, few)
    early = [b""][:0]  # of bytes, said without syntax that an old Python lacks
    greeted = bool(few.bytecode and asked.get("follows") and by_memory(asked, out, early))
    try:
        found = with_bytecode(archive(asked, -1 if greeted else out, early), asked)
    except UnsafeError as error:
        refuse(out, str(error), early, greeted)
        return
    few.archive = found
    sys.meta_path.insert(1, found)
    begin_cheaply()
    from state.host import agent

    agent.main(asked, out, early, greeted)
    sys.stderr.flush()
    os._exit(0)  # the process is over; taking Python apart first would cost milliseconds


if __name__ == "__main__":
    main()
