"""SSH servers on the loopback, each with its own keys, home and /run, and agents that can do what a test needs."""

from __future__ import annotations

import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from inventory import archive as archives
from inventory.archive import Archive
from inventory.ssh import SshTransport
from inventory.ssh_connect import Connections
from inventory.target import Target


def keygen(path: Path) -> str:
    """A new key pair; the public half as `TYPE BASE64`."""
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(path)], check=True)
    return " ".join(path.with_suffix(".pub").read_text().split()[:2])


def free_port() -> int:
    """A port of the loopback that nobody uses at the moment."""
    with closing(socket.socket()) as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


@dataclass
class Server:
    """An sshd in a mount namespace of its own: `home` is root's there, and `run` (mount options) its /run."""

    folder: Path
    key: Path
    run: str = ""
    prepare: str = ""
    config: str = ""
    bashrc: str = ""
    port: int = field(default_factory=free_port)
    host_key: str = ""
    process: subprocess.Popen[bytes] | None = None

    @property
    def home(self) -> Path:
        return self.folder / "home"

    def start(self) -> Server:
        """Start it, and wait until it listens."""
        (self.home / ".ssh").mkdir(parents=True, mode=0o700)
        public = self.key.with_suffix(".pub").read_text()
        (self.folder / "authorized_keys").write_text(public)
        (self.home / ".bashrc").write_text(self.bashrc)
        self.host_key = keygen(self.folder / "host_key")
        (self.folder / "sshd_config").write_text(
            f"Port {self.port}\nListenAddress 127.0.0.1\nHostKey {self.folder}/host_key\n"
            f"AuthorizedKeysFile {self.folder}/authorized_keys\nPidFile none\nUsePAM no\nStrictModes no\nUseDNS no\n"
            f"PasswordAuthentication no\nKbdInteractiveAuthentication no\nMaxStartups 100\n{self.config}\n"
        )
        script = (
            f"mount -t tmpfs -o mode=755 tmpfs /run; mkdir -p /run/sshd; {self.prepare}\n"
            f"{f'mount -o remount,{self.run} /run' if self.run else ''}\n"
            f"mount --bind {self.home} /root; exec /usr/sbin/sshd -D -e -f {self.folder}/sshd_config"
        )
        self.process = subprocess.Popen(
            ["unshare", "--mount", "--propagation", "private", "sh", "-ec", script],
            stdin=subprocess.DEVNULL,
            stderr=(self.folder / "log").open("wb"),
        )
        while self.process.poll() is None:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
            except ConnectionRefusedError:
                time.sleep(0.01)
            else:
                return self
        raise RuntimeError((self.folder / "log").read_text())

    def stop(self) -> None:
        """Stop listening, and wait for it."""
        if self.process is not None:
            self.process.terminate()
            self.process.wait()

    def inside(self, script: str) -> str:
        """What a shell in the server's mount namespace prints."""
        assert self.process is not None
        command = ["nsenter", "--mount", "-t", str(self.process.pid), "sh", "-ec", script]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout

    def target(self, name: str = "alpha", host_key: str | None = None, user: str = "root") -> Target:
        """It, as a host of a manifest."""
        key = self.host_key if host_key is None else host_key
        port = self.port
        return Target(
            name,
            "127.0.0.1",
            port,
            user,
            key,
            self.key,
            lambda timeout: socket.create_connection(("127.0.0.1", port), timeout),
        )

    def transport(self, **arguments: str) -> SshTransport:
        """The way there."""
        return SshTransport(Connections(), self.target(**arguments))


Serve = Callable[..., Server]


@pytest.fixture(scope="session")
def login_key(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The key that every server lets in."""
    path = tmp_path_factory.mktemp("key") / "id_ed25519"
    keygen(path)
    return path


@pytest.fixture
def serve(tmp_path: Path, login_key: Path) -> Iterator[Serve]:
    """Starts servers that end with the test."""
    with ExitStack() as stack:
        count = 0

        def start(**options: str) -> Server:
            nonlocal count
            count += 1
            made = Server(tmp_path / f"sshd{count}", login_key, **options)  # type: ignore[arg-type]
            stack.callback(made.stop)
            return made.start()

        yield start


VERBS = {
    "echo": "def answer(kernel, body):\n return {'said': body}\n",
    "hang": "import time\ndef answer(kernel, body):\n time.sleep(600)\n",
    "die": "import os\ndef answer(kernel, body):\n os.kill(os.getpid(), 9)\n",
    "shout": "def answer(kernel, body):\n print('x' * body['size'], flush=True)\n return {'done': 1}\n",
    "fail": "def answer(kernel, body):\n raise KeyError('oops')\n",
    "refuse": "import os\ndef answer(kernel, body):\n os.listdir('/nowhere')\n",
    "count": (
        "import time\ndef answer(kernel, body):\n return events()\n"
        "def events():\n for number in range(1000000):\n  yield {'number': number} if number % 3 else None\n"
        "  time.sleep(0.001)\n"
    ),
    "held": "from state.host.lock import THE_LOCK\n"
    "def answer(kernel, body):\n THE_LOCK.take(body['who'], 'netctl apply')\n return {}\n",
}


@pytest.fixture(scope="session")
def agent() -> Archive:
    """An agent that can do a few things more."""
    return agent_with()


def agent_with(mark: str = "") -> Archive:
    """The agent with the verbs of this file; another mark, another digest."""
    contents = archives.contents()
    for verb, source in VERBS.items():
        contents[f"state/host/test_{verb}.py"] = source.encode()
        contents["state/host/agent.py"] += f'\nVERBS["{verb}"] = "state.host.test_{verb}"\n'.encode()
    contents["state/host/agent.py"] += f"# {mark}\n".encode()
    return archives.sealed(archives.build(contents), contents)
