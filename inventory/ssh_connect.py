"""WORKSTATION: SSH connections with paramiko: to hosts, and through jump hosts; logged in, the host's key checked."""

from __future__ import annotations

import logging
import random
import socket
import threading
import time
from collections.abc import Iterable, Mapping, Sequence

import paramiko

from inventory.ssh_config import Hop, SshSettings
from inventory.ssh_keys import LoginKeys, check
from inventory.ssh_line import Line
from inventory.target import Target
from state.problem import Problem, Unreachable

logging.getLogger("paramiko").addHandler(logging.NullHandler())  # what fails is told once, by netctl

_KEX = ("curve25519-sha256@libssh.org", "ecdh-sha2-nistp256")
REACH = 10.0
"""Seconds in which a server's machine must answer at all."""
KEEPALIVE = 10
"""Seconds after which a silent host is asked whether it is there."""
SILENCE = 30.0
"""Seconds in which it must acknowledge what it is sent."""
_AT_ONCE_PER_JUMP = 8
_ATTEMPTS = 4


class PromptSocket(socket.socket):
    """A TCP socket that neither holds back what is sent nor delays its acknowledgements: 80 ms less per connection."""

    @classmethod
    def of(cls, plain: socket.socket) -> PromptSocket:
        """The same connection."""
        made = cls(plain.family, plain.type, plain.proto, fileno=plain.detach())
        made._is_tcp = made.family in (socket.AF_INET, socket.AF_INET6)
        if made._is_tcp:
            made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            made.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            made.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(SILENCE * 1000))
        return made

    _is_tcp = False

    def recv(self, *arguments: int) -> bytes:
        """Receive, and acknowledge at once; the kernel forgets the wish after each packet."""
        data = super().recv(*arguments)
        if self._is_tcp:
            self.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
        return data


class Connections:
    """What the connections of one command share: settings, keys, and connections to jump hosts."""

    def __init__(self, targets: Iterable[Target] = (), settings: SshSettings | None = None) -> None:
        self._settings = settings
        self._keys = LoginKeys()
        self._known = {target.address: target.host_key for target in targets if target.host_key}
        self._lock = threading.Lock()
        self._jumps: dict[Hop, _Jump] = {}

    def close(self) -> None:
        """Close the connections to jump hosts."""
        with self._lock:
            jumps = list(self._jumps.values())
        for jump in jumps:
            jump.close()

    def hop(self, target: Target) -> Hop:
        """The SSH server of a target."""
        own = () if target.identity_file is None else (target.identity_file,)
        if target.connect is not None:
            return Hop(target.name, target.address, target.port or 22, target.user or "root", own, bool(own))
        with self._lock:
            self._settings = self._settings or SshSettings()
        found = self._settings.hop(target.address, target.user, target.port)
        files = own + found.identity_files
        return Hop(
            target.name,
            found.address,
            found.port,
            found.user,
            files,
            found.identities_only,
            found.known_hosts,
            found.jump,
            found.proxy,
        )

    def connect(self, hop: Hop, target: Target | None, deadline: float) -> Line:
        """An authenticated connection. A server that is too busy to greet is asked again."""
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                return self._connect(hop, target, deadline)
            except (_Busy, TimeoutError) as error:
                pause = random.uniform(0.1, 0.3) * 2**attempt
                if attempt == _ATTEMPTS or isinstance(error, TimeoutError) or time.monotonic() + pause > deadline:
                    summary = "no answer in time" if isinstance(error, TimeoutError) else str(error)
                    raise _unreachable(summary, hop, target) from error
                time.sleep(pause)
        raise AssertionError

    def _connect(self, hop: Hop, target: Target | None, deadline: float) -> Line:
        if hop.jump is None:
            return self._log_in(hop, target, self._socket(hop, target, deadline), deadline)
        jump = self._jump(hop.jump)
        with jump.turn:
            return self._log_in(hop, target, jump.socket(self, hop, deadline), deadline)

    def _jump(self, hop: Hop) -> _Jump:
        with self._lock:
            return self._jumps.setdefault(hop, _Jump(hop))

    @staticmethod
    def _socket(hop: Hop, target: Target | None, deadline: float) -> socket.socket | paramiko.ProxyCommand:
        if hop.proxy:
            return paramiko.ProxyCommand(hop.proxy)
        left = min(left_until(deadline), REACH)
        try:
            if target is not None and target.connect is not None:
                return PromptSocket.of(target.connect(left))
            return PromptSocket.of(socket.create_connection((hop.address, hop.port), left))
        except OSError as error:
            summary = "no answer in time" if isinstance(error, TimeoutError) else error.strerror or str(error)
            raise _unreachable(f"cannot connect: {summary}", hop, target) from error

    def _log_in(
        self,
        hop: Hop,
        target: Target | None,
        plain: socket.socket | paramiko.ProxyCommand | paramiko.Channel,
        deadline: float,
    ) -> Line:
        expected = self._expected(hop, target)
        transport = Line(plain)
        try:
            _prepare(transport, expected, deadline)
            transport.start_client(timeout=left_until(deadline))
            where = f"hosts.{target.name}.ssh.hostKey in the manifest" if target else str(hop.known_hosts[0])
            check(hop.name, transport.get_remote_server_key(), expected, where)
            self._authenticate(transport, hop)
            transport.set_keepalive(KEEPALIVE)
        except Unreachable:
            transport.hang_up()
            raise
        except (paramiko.SSHException, OSError, EOFError) as error:
            transport.hang_up()
            if isinstance(error, TimeoutError) or time.monotonic() >= deadline:
                raise TimeoutError from error
            if "banner" in str(error) or isinstance(error, (EOFError, ConnectionError)):
                raise _Busy(f"the SSH server hung up: {error or 'at the greeting'}") from error
            raise Unreachable(Problem(f"SSH failed: {error}", where_is(hop), f"host {hop.name}")) from error
        return transport

    def _expected(self, hop: Hop, target: Target | None) -> list[str]:
        """The keys a server may have: a target's from the manifest, a jump host's from there or from known_hosts."""
        if target is not None:
            return [target.host_key] if target.host_key else []
        if hop.address in self._known:
            return [self._known[hop.address]]
        name = hop.address if hop.port == 22 else f"[{hop.address}]:{hop.port}"
        found: list[str] = []
        for file in hop.known_hosts:
            if file.is_file():
                keys: Mapping[str, paramiko.PKey] = paramiko.HostKeys(str(file)).lookup(name) or {}
                found += [f"{key.get_name()} {key.get_base64()}" for key in keys.values()]
        return found

    def _authenticate(self, transport: paramiko.Transport, hop: Hop) -> None:
        tried: list[str] = []
        refused = ""
        agent = paramiko.Agent()
        try:
            for login in self._keys.of(hop, agent):
                try:
                    if more := transport.auth_publickey(hop.user, login.key):
                        refused = f"The server wants more than a key: {', '.join(more)}. netctl answers no questions."
                        break
                    return
                except paramiko.AuthenticationException as error:
                    tried.append(f"{login.key.get_name()} {login.key.fingerprint} ({login.origin})")
                    refused = str(error)
                    if not transport.is_active():
                        break
        finally:
            agent.close()
        keys = "\n".join(f"  tried {line}" for line in tried) or "  there was no key to try"
        unusable = "\n".join(f"  not usable: {line}" for line in self._keys.unusable())
        detail = f"{where_is(hop)}\n{keys}\n{unusable}".rstrip() + (f"\n{refused}" if refused else "")
        raise Unreachable(Problem(f"no login as {hop.user}", detail, f"host {hop.name}"))


class _Busy(Exception):
    """The server closed the connection before it greeted, as one does that has too many."""


class _Jump:
    """One connection to a jump host, for all hosts behind it. It forwards; it is never asked to run anything."""

    def __init__(self, hop: Hop) -> None:
        self._hop = hop
        self._lock = threading.Lock()
        self._transport: Line | None = None
        self.turn = threading.BoundedSemaphore(_AT_ONCE_PER_JUMP)

    def socket(self, all_of_them: Connections, hop: Hop, deadline: float) -> paramiko.Channel:
        """A byte stream to a server behind this one."""
        with self._lock:
            if self._transport is None or not self._transport.is_active():
                self._transport = all_of_them.connect(self._hop, None, deadline)
            transport = self._transport
        try:
            return transport.open_channel(
                "direct-tcpip", (hop.address, hop.port), ("127.0.0.1", 0), timeout=left_until(deadline)
            )
        except paramiko.SSHException as error:
            raise Unreachable(
                Problem(f"cannot connect by way of {self._hop.name}: {error}", where_is(hop), f"host {hop.name}")
            ) from error

    def close(self) -> None:
        """Close the connection."""
        if self._transport is not None:
            self._transport.hang_up()


def _prepare(transport: paramiko.Transport, expected: Sequence[str], deadline: float) -> None:
    """Cheap key exchanges first, the kind of host key first that is expected, and no wait longer than the deadline.

    And ciphers that authenticate: what other ciphers need beside them, paramiko compares byte by byte in Python.
    """
    options = transport.get_security_options()
    options.kex = (*_KEX, *(name for name in options.kex if name not in _KEX))
    options.ciphers = sorted(options.ciphers, key=lambda name: "-gcm@" not in name)
    kinds = {text.split()[0] for text in expected}
    if "ssh-rsa" in kinds:
        kinds |= {"rsa-sha2-512", "rsa-sha2-256"}
    options.key_types = sorted(options.key_types, key=lambda name: name not in kinds)
    left = left_until(deadline)
    transport.banner_timeout = transport.handshake_timeout = transport.auth_timeout = left
    transport.channel_timeout = left


def left_until(deadline: float) -> float:
    """The seconds until a deadline. Raises TimeoutError when it has passed."""
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left


def _unreachable(summary: str, hop: Hop, target: Target | None) -> Unreachable:
    remedy = target.remedy if target is not None else ""
    named = [f"-p {hop.port}"] if hop.port != 22 else []
    login = " ".join(["ssh", *named, f"{hop.user}@{hop.address}"])
    remedy = remedy or f"Is it up, and its SSH server to be reached from here? Try: {login}"
    return Unreachable(Problem(summary, f"{where_is(hop)}. {remedy}", f"host {hop.name}"))


def where_is(hop: Hop) -> str:
    """A server in words."""
    way = f", by way of {hop.jump.name}" if hop.jump else f", by `{hop.proxy}`" if hop.proxy else ""
    return f"{hop.user}@{hop.address} port {hop.port}{way}"
