"""HOST: the SSH connection by which this host was reached, as the SSH server tells those whom it starts."""

from __future__ import annotations

import os

from state.host.questions import question

_PARENT = 1
_VARIABLE = "SSH_CONNECTION"
_GENERATIONS = 16


def connection() -> tuple[str, str, str, str]:
    """The client's address and port, this host's address and port; all empty without a connection.

    sudo takes the variable away from what it starts, so it is looked for with the ancestors, too.
    """
    words = (os.environ[_VARIABLE] if _VARIABLE in os.environ else _inherited()).split()
    return (words[0], words[1], words[2], words[3]) if len(words) == 4 else ("", "", "", "")


@question
def ends() -> tuple[str, str]:
    """The addresses of the client and of this host; both empty without a connection."""
    found = connection()
    return found[0], found[2]


def _inherited() -> str:
    """What the nearest ancestor that has the variable was started with."""
    process = os.getppid()
    for _ in range(_GENERATIONS):
        try:
            with open(f"/proc/{process}/environ", "rb") as file:
                variables = file.read().split(b"\0")
            with open(f"/proc/{process}/stat", "rb") as file:  # a name may be any bytes
                process = int(file.read().rpartition(b")")[2].split()[_PARENT])
        except OSError:  # it has ended, or is not ours to look at
            return ""
        for variable in variables:
            name, _, value = variable.partition(b"=")
            if name == _VARIABLE.encode() and value:
                return value.decode(errors="replace")
        if process < 2:
            return ""
    return ""
