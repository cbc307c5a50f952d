"""The floor: paramiko connections, 32 at a time, each of which runs one script of `ip -j` and compares what it says.

`python -m tests.bench.peers.floor JOB`: no inventory but the job, nothing printed but a number; it could not do less.
"""

from __future__ import annotations

import json
import socket
import sys
from base64 import b64decode
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import paramiko

from tests.bench.peers import answers

AT_ONCE = 32


class Prompt(socket.socket):
    """TCP that waits for nothing: neither to send nor to acknowledge."""

    def recv(self, *arguments: int) -> bytes:
        data = super().recv(*arguments)
        self.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
        return data


def check(host: Mapping[str, Any], key: paramiko.PKey) -> int:
    """How many things of a host's job are missing."""
    plain = socket.create_connection((host["address"], host["port"]))
    prompt = Prompt(plain.family, plain.type, plain.proto, fileno=plain.detach())
    prompt.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    transport = paramiko.Transport(prompt)
    try:
        transport.banner_timeout = transport.auth_timeout = transport.handshake_timeout = 60
        transport.get_security_options().kex = ("curve25519-sha256@libssh.org",)
        kind, blob = host["key"].split()
        expected = paramiko.PKey.from_type_string(kind, b64decode(blob))
        transport.connect(expected, "root", pkey=key)
        channel = transport.open_session()
        channel.exec_command(host["script"])
        parts: list[bytes] = []
        while data := channel.recv(1 << 18):
            parts.append(data)
        return len(answers.missing(host["job"], b"".join(parts).decode()))
    finally:
        prompt.shutdown(socket.SHUT_RDWR)
        transport.close()


def main(job: str) -> int:
    """Check all hosts; something missing is an error."""
    given = json.loads(Path(job).read_text())
    key = paramiko.Ed25519Key.from_private_key_file(given["identity"])
    with ThreadPoolExecutor(AT_ONCE) as pool:
        lacking = sum(pool.map(lambda host: check(host, key), given["hosts"].values()))
    print(lacking)
    return int(lacking > 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
