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
        """Exit status, output and errors. Without `subprocess`, whose import would cost a tenth of an agent's life."""
        command = next((path for path in _COMMANDS if os.access(path, os.X_OK)), "")
        if not command:
            return _NO_COMMAND, "", "nft: command not found"
        files = [os.memfd_create(name) for name in ("input", "output", "errors")]
        try:
            with open(files[0], "w", closefd=False) as file:
                file.write(text)
            os.lseek(files[0], 0, os.SEEK_SET)
            actions = [(os.POSIX_SPAWN_DUP2, source, number) for number, source in enumerate(files)]
            with inside(self._home):
                process = os.posix_spawn(
                    command, ["nft", *arguments], {**os.environ, "LC_ALL": "C"}, file_actions=actions
                )
            _, status = os.waitpid(process, 0)
            output, errors = (os.pread(file, os.fstat(file).st_size, 0).decode() for file in files[1:])
            return os.waitstatus_to_exitcode(status), output, errors
        finally:
            for descriptor in files:
                os.close(descriptor)


_COMMANDS = tuple(f"{folder}/nft" for folder in ("/usr/sbin", "/usr/bin", "/sbin", "/bin", "/usr/local/sbin"))
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
