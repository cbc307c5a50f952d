"""HOST: nftables through its own command, in JSON.

The command takes longer than everything else an agent reads. So its answer is kept with the kernel's word for the state
it describes, the generation of this namespace's rules: while that is the same, the answer is.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from typing import Optional

from state.host import ruleset
from state.host.kept import Kept
from state.host.netlink import inside
from state.host.questions import plainly, spoil
from state.naming import RUN_FOLDER, TABLE
from state.problem import HostError


class LinuxNft:
    """The table `inet netctl`. The `nft` command may be missing: then nothing is there, and nothing can be put."""

    def __init__(self, home: str = "", folder: str = RUN_FOLDER) -> None:
        self._home = home
        self._answer = Kept("nftables", folder)

    def read(self) -> Optional[list[dict[str, object]]]:
        """The table's objects, or None where there is no such table or no nft."""
        state = ruleset.generation(self._home)
        if not state:
            return None  # a kernel without nftables has no table
        kept = self._answer.recall(state)
        if kept is None or "objects" not in kept:
            kept = {"objects": self._list()}
            if plainly(ruleset.generation)(self._home) == state:
                self._answer.keep(state, kept)
            else:
                spoil()
        objects: Optional[list[dict[str, object]]] = kept["objects"]
        return objects

    def _list(self) -> Optional[list[dict[str, object]]]:
        code, output, errors = self._nft(["-j", "list", "table", "inet", TABLE], "")
        if code == 0:
            objects: list[dict[str, object]] = json.loads(output)["nftables"]
            return objects
        if code == _NO_COMMAND or "No such file or directory" in errors:
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
