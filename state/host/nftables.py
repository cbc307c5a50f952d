"""HOST: nftables through its own command, in JSON."""

from __future__ import annotations

import _socket
import json
import os
import struct
from collections.abc import Mapping, Sequence
from typing import Optional

from state.host.netlink import NLM_F_REQUEST, NLMSG_ERROR, inside
from state.naming import TABLE
from state.problem import HostError

_AF_NETLINK, _NETLINK_NETFILTER = 16, 12
_GET_GENERATION = 10 << 8 | 16


class LinuxNft:
    """The table `inet netctl`. The `nft` command may be missing: then nothing is there, and nothing can be put."""

    def __init__(self, home: str = "") -> None:
        self._home = home

    def read(self) -> Optional[list[dict[str, object]]]:
        """The table's objects, or None where there is no such table or no nft."""
        code, output, errors = self._nft(["-j", "list", "table", "inet", TABLE], "")
        if code == 0:
            objects: list[dict[str, object]] = json.loads(output)["nftables"]
            return objects
        if code == _NO_COMMAND or "No such file or directory" in errors or not in_kernel():
            return None
        raise HostError.of(f"nft cannot list the table inet {TABLE}: {errors.strip()}", "", f"masquerade {TABLE}")

    def run(self, commands: Sequence[Mapping[str, object]]) -> None:
        """Carry out commands as one transaction."""
        code, _, errors = self._nft(["-j", "-f", "-"], json.dumps({"nftables": list(commands)}))
        if code:
            raise HostError.of(f"nft refused the table inet {TABLE}: {errors.strip()}", "", f"masquerade {TABLE}")

    def _nft(self, arguments: Sequence[str], text: str) -> tuple[int, str, str]:
        import subprocess  # when there is something to run: it costs start-up

        path = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"
        environment = {**os.environ, "PATH": path, "LC_ALL": "C"}
        try:
            with inside(self._home):
                done = subprocess.run(
                    ["nft", *arguments], input=text, capture_output=True, text=True, env=environment, check=False
                )
        except FileNotFoundError:
            return _NO_COMMAND, "", "nft: command not found"
        return done.returncode, done.stdout, done.stderr


_NO_COMMAND = 127


def in_kernel() -> bool:
    """Whether this kernel has nftables: whether it says which generation its rules are."""
    try:
        asking = _socket.socket(_AF_NETLINK, _socket.SOCK_RAW | _socket.SOCK_CLOEXEC, _NETLINK_NETFILTER)
    except OSError:
        return False
    try:
        asking.settimeout(1)
        asking.send(struct.pack("=IHHII", 20, _GET_GENERATION, NLM_F_REQUEST, 1, 0) + struct.pack("=BBH", 0, 0, 0))
        kind: int = struct.unpack_from("=IH", asking.recv(4096))[1]
        return kind != NLMSG_ERROR
    except OSError:
        return False
    finally:
        asking.close()
