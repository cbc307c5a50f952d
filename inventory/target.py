"""WORKSTATION: where a host is reached: what `ssh` needs to know of it, and nothing else."""

from __future__ import annotations

import socket
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Target:
    """A host as SSH sees it.

    `host_key` is `TYPE BASE64` as in known_hosts. An empty `user` and a `port` of 0 are looked up in ~/.ssh/config,
    then defaulted as ssh does. `connect`, given a timeout in seconds, opens the byte stream to the SSH server itself:
    such a target is used exactly as it stands, without ~/.ssh/config. The address `local` is this machine, without SSH.
    `remedy` is what to try where it cannot be reached.
    """

    name: str
    address: str
    port: int = 0
    user: str = ""
    host_key: str = ""
    identity_file: Path | None = None
    connect: Callable[[float], socket.socket] | None = None
    remedy: str = ""
