"""Real sockets in a lab: who listens where, who speaks with whom, and what the one sees of the other."""

from __future__ import annotations

import json
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

from tests.fleet.town import Town

LISTEN = """
import json, socket, sys, threading
def serve(family, kind, port):
    sock = socket.socket(family, kind)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if family == socket.AF_INET6:
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    sock.bind(("", port))
    if kind == socket.SOCK_DGRAM:
        level, option, wanted = (0, 8, 8) if family == socket.AF_INET else (41, 50, 49)
        sock.setsockopt(level, wanted, 1)
        while True:  # the answer comes from the address that was spoken to: whoever has several must see to that
            data, [(_, _, info)], _, peer = sock.recvmsg(65535, 64)
            own = bytes(4) + info[8:12] + bytes(4) if family == socket.AF_INET else info[:16] + bytes(4)
            sock.sendmsg([json.dumps([peer[0], len(data)]).encode()], [(level, option, own)], 0, peer)
    sock.listen(16)
    while True:
        connection, peer = sock.accept()
        with connection:
            length = 0
            while data := connection.recv(1 << 16):
                length += len(data)
            connection.sendall(json.dumps([peer[0], length]).encode())
for port in map(int, sys.argv[1:]):
    for family in (socket.AF_INET, socket.AF_INET6):
        for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
            threading.Thread(target=serve, args=(family, kind, port), daemon=True).start()
print("listening", flush=True)
sys.stdin.read()
"""

SPEAK = """
import json, os, socket, struct, sys
protocol, address, port, size = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
family = socket.AF_INET6 if ":" in address else socket.AF_INET
whole = socket.getaddrinfo(address, port, family)[0][4]
def icmp(sock):
    sock.connect(whole)
    body = os.urandom(size)
    echo = struct.pack("!BBHHH", 8 if family == socket.AF_INET else 128, 0, 0, os.getpid() & 0xFFFF, 1) + body
    if family == socket.AF_INET:
        total = sum(struct.unpack(f"!{len(echo) // 2}H", echo))
        while total >> 16:
            total = (total & 0xFFFF) + (total >> 16)
        echo = echo[:2] + struct.pack("!H", ~total & 0xFFFF) + echo[4:]
    sock.send(echo)
    while True:
        answer = sock.recv(65535)[20 if family == socket.AF_INET else 0:]
        if answer[0] in (0, 129) and answer[4:8] == echo[4:8]:
            return ["", len(answer) - 8 if answer[8:] == body else -1]
def udp(sock):
    sock.sendto(bytes(size), whole)
    return json.loads(sock.recv(65535))
def tcp(sock):
    sock.connect(whole)
    sock.sendall(bytes(size))
    sock.shutdown(socket.SHUT_WR)
    return json.loads(sock.recv(65535))
kind, number, speak = {
    "TCP": (socket.SOCK_STREAM, 0, tcp),
    "UDP": (socket.SOCK_DGRAM, 0, udp),
    "ICMP": (socket.SOCK_RAW, 1 if family == socket.AF_INET else 58, icmp),
}[protocol]
with socket.socket(family, kind, number) as sock:
    sock.settimeout(float(sys.argv[5]))
    if len(sys.argv) > 6:  # nothing may be cut into fragments on the way
        level, option = (socket.IPPROTO_IP, 10) if family == socket.AF_INET else (socket.IPPROTO_IPV6, 23)
        sock.setsockopt(level, option, 2)
    try:
        print(json.dumps(speak(sock)))
    except OSError as error:
        print(json.dumps(str(error)))
"""


@contextmanager
def listening(town: Town, *places: str, ports: tuple[int, ...]) -> Generator[None]:
    """While entered, each place answers on these ports, TCP and UDP, both families: who spoke, and how much it said."""
    started = [town.start(place, "python3", "-c", LISTEN, *map(str, ports)) for place in places]
    try:
        for process in started:
            assert process.stdout is not None
            said = process.stdout.readline()
            assert said == "listening\n", process.communicate()[1]
        yield
    finally:
        for process in started:
            process.communicate("")


def speak(
    town: Town,
    place: str,
    protocol: str,
    address: object,
    port: int = 0,
    size: int = 8,
    patience: float = 5,
    whole: bool = False,
) -> Any:
    """What the other end saw, `[address, size]` (of ICMP the size alone), or the error's text.

    `whole`: no fragments.
    """
    words = (protocol, str(address), str(port), str(size), str(patience), *(("whole",) if whole else ()))
    done = town.run(place, "python3", "-c", SPEAK, *words)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)
