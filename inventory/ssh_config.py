"""WORKSTATION: what ~/.ssh/config says about a host: address, port, user, keys, and the hosts on the way there."""

from __future__ import annotations

import getpass
import os
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from paramiko.config import SSHConfig
from paramiko.ssh_exception import ConfigParseError, CouldNotCanonicalize

from state.problem import Problem, Unreachable

_DEEPEST = 16
_DEFAULT_KNOWN_HOSTS = "~/.ssh/known_hosts ~/.ssh/known_hosts2"


def user_folder() -> Path:
    """~/.ssh; of a user without a home, as containers have them, a folder that is not there."""
    return _expand("~/.ssh")


@dataclass(frozen=True)
class Hop:
    """One SSH server, and the one it is reached through (`jump`) or the command that is the way there (`proxy`)."""

    name: str
    address: str
    port: int
    user: str
    identity_files: tuple[Path, ...] = ()
    identities_only: bool = False
    known_hosts: tuple[Path, ...] = ()
    jump: Hop | None = None
    proxy: str = ""


def user_name() -> str:
    """Who runs netctl; of a user without a name, as containers have them, the number."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return os.environ.setdefault("LOGNAME", str(os.getuid()))  # paramiko asks as well, and would fail


class SshSettings:
    """The user's and the system's ssh_config, read once."""

    def __init__(self, *files: Path) -> None:
        self._user = user_name()
        chosen = files or (user_folder() / "config", Path("/etc/ssh/ssh_config"))
        try:
            text = "\n".join(line for file in chosen for line in (*_expanded(file), "Host *"))
            self._config = SSHConfig.from_text(text)
        except (ConfigParseError, OSError, ValueError) as error:
            raise Unreachable(Problem(f"{chosen[0]} cannot be read: {error}")) from error

    def hop(self, name: str, user: str = "", port: int = 0, via: str | None = None, depth: int = 0) -> Hop:
        """How to reach a name: what is given counts more than the configuration, `via` more than its ProxyJump."""
        if depth > _DEEPEST:
            raise Unreachable(Problem(f"ProxyJump goes in a circle at {name}", "See ~/.ssh/config."))
        found = self._lookup(name)
        user = user or str(found.get("user", "")) or self._user
        port = port or _port(found.get("port", 22))
        jumps = via if via is not None else str(found.get("proxyjump", ""))
        proxy = str(found.get("proxycommand") or "")
        known = f"{found.get('userknownhostsfile', _DEFAULT_KNOWN_HOSTS)} /etc/ssh/ssh_known_hosts"
        return Hop(
            name,
            str(found.get("hostname", name)),
            port,
            user,
            tuple(_expand(file) for file in found.get("identityfile", [])),
            found.get("identitiesonly", "no") == "yes",
            tuple(_expand(file) for file in shlex.split(known)),
            self._jump(jumps, depth),
            proxy if proxy != "none" and jumps in ("", "none") else "",
        )

    def _jump(self, jumps: str, depth: int) -> Hop | None:
        """The last of the hosts in a ProxyJump; the ones before it are the way there."""
        if jumps in ("", "none"):
            return None
        before, _, last = jumps.rpartition(",")
        user, name, port = _parts(last.strip())
        return self.hop(name, user, port, before or None, depth + 1)

    def _lookup(self, name: str) -> dict[str, Any]:
        try:
            return dict(self._config.lookup(name))
        except ImportError as error:
            raise Unreachable(Problem(f"`Match exec` in ssh_config is not supported ({name})")) from error
        except (ConfigParseError, CouldNotCanonicalize) as error:
            raise Unreachable(Problem(f"ssh_config, for {name}: {error}")) from error


def _expand(text: str) -> Path:
    return Path(os.path.expanduser(text))  # noqa: PTH111  (Path's own raises where there is no home)


def _parts(text: str) -> tuple[str, str, int]:
    """`[user@]host[:port]`, also as ssh://, with brackets around an IPv6 address."""
    text = text.removeprefix("ssh://")
    user, _, rest = text.rpartition("@")
    if rest.startswith("["):
        name, _, port = rest[1:].partition("]")
        port = port.removeprefix(":")
    else:
        name, _, port = rest.partition(":") if rest.count(":") == 1 else (rest, "", "")
    return user, name, _port(port or 0)


def _port(text: str | int) -> int:
    try:
        return int(text)
    except ValueError:
        raise Unreachable(Problem(f"ssh_config: the port {text} is no number")) from None


def _expanded(file: Path, depth: int = 0) -> Iterator[str]:
    """The lines of a file with its Includes in their places; after one, the block it stood in goes on."""
    if depth > _DEEPEST or not file.is_file():
        return
    block = ""
    for line in file.read_text(errors="replace").splitlines():
        words = line.replace("=", " ", 1).split(None, 1)
        keyword = words[0].lower() if words else ""
        if keyword in ("host", "match"):
            block = line
        if keyword != "include" or len(words) < 2:
            yield line
            continue
        for pattern in shlex.split(words[1]):
            for found in _matching(pattern, file):
                yield from _expanded(found, depth + 1)
                yield block or "Host *"


def _matching(pattern: str, file: Path) -> list[Path]:
    """The files an Include means; a relative one is in ~/.ssh, or beside the system's file."""
    path = _expand(pattern)
    if path.is_absolute():
        return sorted(Path("/").glob(str(path.relative_to("/"))))
    return sorted(file.parent.glob(pattern))
