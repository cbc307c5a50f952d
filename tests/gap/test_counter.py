"""The counter itself, over plain routing: it finds nothing where nothing is lost, and every single packet that is."""

from __future__ import annotations

import json
import secrets
import subprocess
from collections.abc import Generator
from pathlib import Path

import pytest

from tests.gap.stream import FENCE, MUST, NEVER, Door, Flow, Stream, Window, build

WINDOWS = 5
RATE = 1000.0
QUIET = "add table inet quiet; add chain inet quiet deaf {type filter hook prerouting priority -300; policy drop;}"


def _shell(command: str, netns: str = "") -> str:
    inside = ["ip", "netns", "exec", netns] if netns else []
    return subprocess.run([*inside, *command.split()], check=True, capture_output=True, text=True).stdout


class Routed:
    """Two namespaces with a router between them; stacks at both ends are deaf."""

    def __init__(self, prefix: str) -> None:
        self.router = f"{prefix}-r"
        self._prefix = prefix
        for name in ("a", "b", "r"):
            _shell(f"ip netns add {prefix}-{name}")
        for number, name in enumerate(("a", "b")):
            _shell(f"ip link add side-{name} netns {self.router} type veth peer name eth0 netns {prefix}-{name}")
            _shell(f"ip link set side-{name} up", self.router)
            _shell("ip link set eth0 up", f"{prefix}-{name}")
            _shell(f"ip address add 192.0.2.{64 * number + 1}/26 dev side-{name}", self.router)
            _shell(f"ip address add fd00:0:0:{number}::1/64 dev side-{name} nodad", self.router)
            for address in (self.address(name, 4), self.address(name, 6)):
                mac = self.mac(f"{prefix}-{name}", "eth0")
                _shell(f"ip neighbour add {address} lladdr {mac} nud permanent dev side-{name}", self.router)
            subprocess.run(["ip", "netns", "exec", f"{prefix}-{name}", "nft", QUIET], check=True)
        _shell("sysctl -q -w net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1", self.router)

    def address(self, name: str, family: int) -> str:
        """The address of an end."""
        number = ("a", "b").index(name)
        return f"192.0.2.{64 * number + 2}" if family == 4 else f"fd00:0:0:{number}::2"

    def mac(self, netns: str, device: str) -> str:
        """The hardware address of a device."""
        found: str = json.loads(_shell(f"ip -j link show {device}", netns))[0]["address"]
        return found

    def doors(self) -> dict[str, Door]:
        """The two ends."""
        return {
            name: Door(
                f"/run/netns/{self._prefix}-{name}",
                "eth0",
                self.mac(f"{self._prefix}-{name}", "eth0"),
                self.mac(self.router, f"side-{name}"),
            )
            for name in ("a", "b")
        }

    def flows(self) -> list[Flow]:
        """Both ways, both families, both protocols, old and fresh connections; two fences."""
        found = [
            Flow(f"{name}{family}{protocol}{ports}", name, other, protocol, self.address(name, family),
                 self.address(other, family), 20000, 7000 if ports == 1 else 7001, ports)
            for name, other in (("a", "b"), ("b", "a"))
            for family in (4, 6)
            for protocol in ("UDP", "TCP")
            for ports in (1, 64)
        ]  # fmt: skip
        fences = [
            Flow(f"fence {name}", name, other, "UDP", self.address(name, 4), self.address(other, 4), 20000, 7)
            for name, other in (("a", "b"), ("b", "a"))
        ]
        return [*found, *fences]

    def lose(self, number: int, direction: int) -> None:
        """From now on, lose packet `number` of flow 0: the twelfth to the twenty-fourth octet of what it carries."""
        flow = f"@th,128,32 0 @th,160,32 {direction} @th,192,64 {number}"
        table = "add table inet thief; add chain inet thief steal {type filter hook forward priority 0; policy accept;}"
        text = f"{table}; add rule inet thief steal meta l4proto udp {flow} drop"
        subprocess.run(["ip", "netns", "exec", self.router, "nft", text], check=True)


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The compiled program."""
    return build(tmp_path_factory.mktemp("stream"))


@pytest.fixture
def routed() -> Generator[Routed]:
    """The namespaces, gone at the end."""
    prefix = f"gap{secrets.token_hex(3)}"
    try:
        yield Routed(prefix)
    finally:
        for name in ("a", "b", "r"):
            subprocess.run(["ip", "netns", "delete", f"{prefix}-{name}"], check=False, capture_output=True)


def _rules(flows: list[Flow], rule: str = MUST) -> dict[str, str]:
    return {flow.name: FENCE if flow.name.startswith("fence") else rule for flow in flows}


def _pause(seconds: float) -> None:
    """Let packets flow: the only thing here that is waited for is time itself."""
    subprocess.run(["sleep", str(seconds)], check=True)


def test_where_nothing_is_lost_nothing_is_missing(program: Path, routed: Routed) -> None:
    flows = routed.flows()
    with Stream(program, routed.doors(), flows, RATE) as stream:
        stream.window(_rules(flows))
        for _ in range(WINDOWS):
            _pause(0.3)
            window = stream.window(_rules(flows))
            assert window.exact
            assert window.faults == ()
            assert all(counts.sent == counts.arrived == counts.returned > 0 for counts in window.counts.values())
        window = stream.end()
    assert window.exact


@pytest.mark.parametrize(("direction", "what"), [(0, "lost"), (1, "lost on the way back")])
def test_one_lost_packet_is_found_by_its_number(program: Path, routed: Routed, direction: int, what: str) -> None:
    flows = routed.flows()
    routed.lose(20, direction)
    with Stream(program, routed.doors(), flows, RATE) as stream:
        stream.window(_rules(flows))
        windows: list[Window] = []
        while sum(window.counts[flows[0].name].sent for window in windows) <= 20:
            _pause(0.1)
            windows.append(stream.window(_rules(flows)))
    faults = [(fault.flow, fault.what, fault.count, fault.number) for window in windows for fault in window.faults]
    assert faults == [(flows[0], what, 1, 20)]
    assert all(window.exact for window in windows)


def test_what_must_never_arrive_is_told(program: Path, routed: Routed) -> None:
    flows = routed.flows()
    with Stream(program, routed.doors(), flows, RATE) as stream:
        stream.window({**_rules(flows), flows[3].name: NEVER})
        _pause(0.1)
        window = stream.end()
    assert [(fault.flow, fault.what) for fault in window.faults] == [(flows[3], "passed")]
    assert window.faults[0].count == window.counts[flows[3].name].sent
