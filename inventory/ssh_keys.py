"""WORKSTATION: keys: those to log in with, and those that hosts are known by."""

from __future__ import annotations

import base64
import binascii
import hashlib
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import paramiko
from paramiko.pkey import UnknownKeyType

from inventory.ssh_config import Hop, user_folder
from state.problem import Problem, Unreachable

_DEFAULTS = ("id_ed25519", "id_ecdsa", "id_rsa")


@dataclass(frozen=True)
class Login:
    """A key to log in with, and where it is from."""

    key: paramiko.PKey
    origin: str


class LoginKeys:
    """The user's keys, each file read once for all hosts."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._read: dict[Path, paramiko.PKey | str] = {}

    def of(self, hop: Hop, agent: paramiko.Agent) -> Iterator[Login]:
        """The keys to try, the likeliest first, none twice: files that are named, the agent's, files by default."""
        seen: set[bytes] = set()
        for login in self._candidates(hop, agent):
            blob = login.key.asbytes()
            if blob not in seen:
                seen.add(blob)
                yield login

    def unusable(self) -> list[str]:
        """The files that hold a key which could not be read, and why."""
        return [f"{path}: {why}" for path, why in self._read.items() if isinstance(why, str)]

    def _candidates(self, hop: Hop, agent: paramiko.Agent) -> Iterator[Login]:
        held = agent.get_keys()
        for path in hop.identity_files:
            key = self._load(path)
            if isinstance(key, paramiko.PKey):
                yield Login(key, str(path))
            else:
                public = _public(path)
                yield from (Login(other, f"{path}, by the agent") for other in held if other.asbytes() == public)
        if hop.identities_only:
            return
        for other in held:
            yield Login(other, "the agent")
        for name in _DEFAULTS if not hop.identity_files else ():
            path = user_folder() / name
            if path.exists() and isinstance(key := self._load(path), paramiko.PKey):
                yield Login(key, str(path))

    def _load(self, path: Path) -> paramiko.PKey | str:
        with self._lock:
            if path not in self._read:
                self._read[path] = _load(path)
            return self._read[path]


def _load(path: Path) -> paramiko.PKey | str:
    if path.suffix == ".pub":
        return "a public key: its other half must be in the agent"
    try:
        key = paramiko.PKey.from_path(path)
        certificate = path.with_name(f"{path.name}-cert.pub")
        if certificate.exists():
            key.load_certificate(str(certificate))
    except (paramiko.PasswordRequiredException, TypeError):
        return "it has a passphrase: add it to the agent (ssh-add)"
    except (OSError, ValueError, paramiko.SSHException, UnknownKeyType) as error:
        return str(error) or type(error).__name__
    return key


def _public(path: Path) -> bytes:
    """The public half that lies beside a private key."""
    beside = path if path.suffix == ".pub" else path.with_name(f"{path.name}.pub")
    try:
        return base64.b64decode(beside.read_text().split()[1])
    except (OSError, IndexError, binascii.Error):
        return b""


def fingerprint(blob: bytes) -> str:
    """A key's SHA-256 as `ssh-keygen -l` prints it."""
    return "SHA256:" + base64.b64encode(hashlib.sha256(blob).digest()).decode().rstrip("=")


def blob_of(text: str) -> bytes:
    """The key in `TYPE BASE64`; empty where it is none."""
    words = text.split()
    try:
        return base64.b64decode(words[1], validate=True) if len(words) > 1 else b""
    except binascii.Error:
        return b""


def check(name: str, offered: paramiko.PKey, expected: list[str], where: str) -> None:
    """Raise Unreachable unless the key a host offers is one of those expected of it, each `TYPE BASE64`."""
    blobs = {blob_of(text): text for text in expected}
    if offered.asbytes() in blobs:
        return
    kind = offered.get_name()
    file = {"ssh-ed25519": "ed25519", "ssh-rsa": "rsa"}.get(kind, "ecdsa")
    compare = (
        f"Compare it, over a way you trust, with `ssh-keygen -lf /etc/ssh/ssh_host_{file}_key.pub` on the host. "
        f"If it is the same, write it to {where}:\n  {kind} {offered.get_base64()}"
    )
    now = f"the host's:       {kind} {fingerprint(offered.asbytes())}"
    if not expected:
        raise Unreachable(
            Problem("the host key is unknown", f"{where}: none\n{now}\nNothing was sent. {compare}", f"host {name}")
        )
    was = "\n".join(f"the one expected: {text.split()[0]} {fingerprint(blob)}" for blob, text in blobs.items())
    raise Unreachable(
        Problem(
            "the host key is not the one expected",
            f"{was}\n{now}\nThe host was installed anew, or somebody else is answering. Nothing was sent. {compare}",
            f"host {name}",
        )
    )
