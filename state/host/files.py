"""HOST: questions about files and folders of this host, and about what it says of itself in them."""

from __future__ import annotations

import os

from state.host.netlink import NETNS_FOLDER, inside
from state.host.questions import question

TYPE_CHECKING = False  # see `state.host.questions`
if TYPE_CHECKING:
    from typing import Optional


@question
def text(path: str) -> Optional[str]:
    """What stands in a file; None where it cannot be read."""
    try:
        with open(path, errors="replace") as file:
            return file.read()
    except OSError:
        return None


@question
def names(folder: str) -> Optional[tuple[str, ...]]:
    """The sorted names in a folder; None where there is no such folder."""
    try:
        return tuple(sorted(os.listdir(folder)))
    except (FileNotFoundError, NotADirectoryError):
        return None


@question
def is_there(path: str) -> bool:
    """Whether there is such a file or folder."""
    return os.path.exists(path)


@question
def is_executable(path: str) -> bool:
    """Whether there is such a command."""
    return os.access(path, os.X_OK)


@question
def sysctl(netns: str, name: str) -> Optional[str]:
    """A value below /proc/sys as a namespace has it; None where there is none. Raises OSError."""
    with inside(netns):
        try:
            with open(f"/proc/sys/{name}") as file:
                return file.read().strip()
        except FileNotFoundError:
            return None


@question
def namespaces() -> tuple[str, ...]:
    """The sorted names in /run/netns; not the plain files that a crash or a reboot can leave there."""
    ours = os.stat("/proc/self/ns/net").st_dev
    try:
        entries = os.listdir(NETNS_FOLDER)
    except FileNotFoundError:
        return ()
    return tuple(sorted(name for name in entries if _device(f"{NETNS_FOLDER}/{name}") == ours))


def _device(path: str) -> int:
    """What a name stands on; 0 for one that leads nowhere, as a link to the namespace of a dead process does."""
    try:
        return os.stat(path).st_dev
    except OSError:
        return 0


@question
def capabilities() -> int:
    """The capabilities this process has, a bit each."""
    with open("/proc/self/status") as lines:
        return int(next((line.split()[1] for line in lines if line.startswith("CapEff")), "0"), 16)


@question
def boot_id() -> str:
    """The name of this boot, of which there is no second one."""
    with open("/proc/sys/kernel/random/boot_id") as file:
        return file.read().strip()


@question
def release() -> str:
    """The kernel's release."""
    return os.uname().release


@question
def has_module(name: str, root: str = "/") -> bool:
    """Whether the kernel has a module, loaded, built in or ready to be loaded; also where that cannot be told."""
    if os.path.isdir(f"{root}sys/module/{name}"):
        return True
    folder = f"{root}lib/modules/{os.uname().release}"
    if not os.path.exists(f"{folder}/modules.builtin"):
        return True  # nothing to tell by: creating the device will
    for path in (f"{folder}/modules.builtin", f"{folder}/modules.dep"):
        try:
            with open(path, errors="replace") as file:
                if f"/{name}.ko" in file.read():
                    return True
        except OSError:
            continue
    return False


@question
def is_bound(port: int) -> bool:
    """Whether a process of this namespace has a UDP socket on the port."""
    for path in ("/proc/net/udp", "/proc/net/udp6"):
        try:
            with open(path) as file:
                lines = file.read().splitlines()
        except OSError:
            continue
        for line in lines[1:]:
            words = line.split()
            if len(words) > 9 and words[1].endswith(f":{port:04X}") and words[9] != "0":
                return True
    return False
