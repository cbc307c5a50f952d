"""HOST: sysctls: values below /proc/sys, of any network namespace."""

from __future__ import annotations

from typing import Optional

from state.host import files
from state.host.netlink import inside
from state.problem import HostError


def read_sysctl(name: str, netns: str = "") -> Optional[str]:
    """A value as the namespace has it, the calling thread's own without one; None where there is none."""
    try:
        return files.sysctl(netns, name)
    except OSError as error:
        raise HostError.of(f"sysctl {name}: cannot read it: {error.strerror}", "", f"sysctl {name}") from error


def write_sysctl(name: str, value: str) -> None:
    """Set a value in the calling thread's namespace."""
    try:
        with open(f"/proc/sys/{name}", "w") as file:
            file.write(value)
    except OSError as error:
        what = f"sysctl {name}"
        raise HostError.of(f"{what}: cannot set it to {value}: {error.strerror}", "", what) from error


class LinuxSysctls:
    """Values below /proc/sys."""

    def __init__(self, home: str = "") -> None:
        self._home = home

    def read(self, name: str, netns: str = "") -> Optional[str]:
        """The value, or None where this kernel does not have it."""
        return read_sysctl(name, netns or self._home)

    def write(self, name: str, value: str, netns: str = "") -> None:
        """Set the value."""
        with inside(netns or self._home):
            write_sysctl(name, value)
