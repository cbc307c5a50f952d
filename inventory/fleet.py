"""WORKSTATION: many hosts at once: one session each, every result a row, no failure in the way of another."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Generic, TypeVar

from inventory.archive import Archive
from inventory.session import Session
from inventory.target import Target
from inventory.transport import Transport
from state.problem import HostError, NetctlError, Problem

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)
Connect = Callable[[Target], Transport]

AT_ONCE = 32
_STACK = 512 * 1024
_BUGS = (ArithmeticError, AssertionError, AttributeError, LookupError, OSError, RuntimeError, TypeError, ValueError)


@dataclass(frozen=True)
class Row(Generic[T_co]):
    """What became of one host: a value, or an error."""

    host: str
    value: T_co | None = None
    error: NetctlError | None = None


class Fleet:
    """The hosts of one command. A session is opened when a host is first asked, and serves until the fleet is closed.

    Use it as a context manager. Leaving it, also by Ctrl-C, closes every connection; an agent in the middle of a
    request finishes that request and ends.
    """

    def __init__(
        self, targets: Iterable[Target], connect: Connect | None = None, content: Archive | None = None
    ) -> None:
        self._targets = {target.name: target for target in targets}
        self._connect = connect or _Connector(self._targets.values())
        self._content = content
        self._lock = threading.Lock()
        self._sessions: dict[str, Session] = {}
        self._closed = False

    def __enter__(self) -> Fleet:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def hosts(self) -> list[str]:
        """The names of the hosts, sorted."""
        return sorted(self._targets)

    def session(self, host: str) -> Session:
        """The session with a host."""
        with self._lock:
            if self._closed:
                raise HostError(Problem("interrupted", address=f"host {host}"))
            if host not in self._sessions:
                self._sessions[host] = Session(self._connect(self._targets[host]), content=self._content)
            return self._sessions[host]

    def hang_up(self, host: str) -> None:
        """End the session with a host: the next to ask it connects anew."""
        with self._lock:
            session = self._sessions.pop(host, None)
        if session is not None:
            session.close()

    def each(
        self,
        work: Callable[[Session], T],
        hosts: Sequence[str] | None = None,
        finished: Callable[[Row[T]], None] | None = None,
        at_once: int = AT_ONCE,
    ) -> dict[str, Row[T]]:
        """Do `work` with every host, and return a row of each, by name.

        `finished` is called in this thread as rows come in. An error that is no NetctlError is a bug: it is raised when
        all hosts are done.
        """
        chosen = self.hosts if hosts is None else list(hosts)
        todo: queue.SimpleQueue[str] = queue.SimpleQueue()
        done: queue.SimpleQueue[tuple[str, Row[T] | BaseException]] = queue.SimpleQueue()
        for host in chosen:
            todo.put(host)
        for _ in range(min(at_once, len(chosen))):
            _start(lambda: self._work(work, todo, done))
        rows: dict[str, Row[T]] = {}
        bugs: list[BaseException] = []
        for _ in chosen:
            host, outcome = done.get()
            if isinstance(outcome, BaseException):
                bugs.append(outcome)
            else:
                rows[host] = outcome
                if finished is not None:
                    finished(outcome)
        if bugs:
            raise bugs[0]
        return {host: rows[host] for host in chosen}

    def _work(
        self,
        work: Callable[[Session], T],
        todo: queue.SimpleQueue[str],
        done: queue.SimpleQueue[tuple[str, Row[T] | BaseException]],
    ) -> None:
        """One thread's part: hosts, one after the other, until there is none left."""
        while True:
            try:
                host = todo.get_nowait()
            except queue.Empty:
                return
            outcome: Row[T] | BaseException = HostError.of("the worker died")
            try:
                outcome = Row(host, value=work(self.session(host)))
            except NetctlError as error:
                outcome = Row(host, error=error)
            except _BUGS as error:
                outcome = error
            finally:
                done.put((host, outcome))

    def close(self) -> None:
        """Close every connection, all at once."""
        with self._lock:
            self._closed = True
            sessions = list(self._sessions.values())
            self._sessions.clear()
        for session in sessions:
            session.close()
        close = getattr(self._connect, "close", None)
        if close is not None:
            close()


def _start(work: Callable[[], None]) -> None:
    """A thread that does not keep the command alive after a Ctrl-C."""
    before = threading.stack_size(_STACK)
    try:
        threading.Thread(target=work, daemon=True).start()
    finally:
        threading.stack_size(before)


class _Connector:
    """The transport of each target. paramiko is imported when the first one needs it."""

    def __init__(self, targets: Iterable[Target]) -> None:
        self._targets = list(targets)
        self._lock = threading.Lock()
        self._connections: object = None

    def __call__(self, target: Target) -> Transport:
        if target.address == "local" and target.connect is None:
            from inventory.local import LocalTransport

            return LocalTransport(target.name)
        from inventory.ssh import SshTransport
        from inventory.ssh_connect import Connections

        with self._lock:
            if not isinstance(self._connections, Connections):
                self._connections = Connections(self._targets)
            return SshTransport(self._connections, target)

    def close(self) -> None:
        """Close what the transports shared."""
        close = getattr(self._connections, "close", None)
        if close is not None:
            close()
