"""A host on the real kernel: a throw-away namespace that stands for one, with an uplink, removed with all it made."""

from __future__ import annotations

import os
import secrets
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from state.host import facts
from state.host.linux import LinuxKernel


def needs_nftables() -> None:
    """Skip the test where the kernel cannot translate addresses with it; User-Mode Linux cannot."""
    if not facts.probe(tcx=True).nft:
        pytest.skip("this kernel has no nftables that could masquerade")


@dataclass(frozen=True)
class Town:
    """The namespaces of one test. `kernel` sees `home` as its own host; `prefix` begins every name."""

    prefix: str
    home: str
    kernel: LinuxKernel
    folder: Path

    def name(self, word: str) -> str:
        """A namespace name of this test alone."""
        return f"{self.prefix}-{word}"

    def run(self, command: str, netns: str = "") -> str:
        """The output of a shell command inside a namespace: the host's own, or another of this test's."""
        inside = ["nsenter", f"--net=/run/netns/{netns or self.home}", "sh", "-ec", command]
        return subprocess.run(inside, check=True, capture_output=True, text=True).stdout


def settle(town: Town) -> None:
    """Wait until the kernel says that the uplink is up: it does in its own time."""
    for _ in range(200):
        if "state UP" in town.run("ip link show eth0"):
            return
        time.sleep(0.02)
    raise AssertionError("the uplink does not come up")


@pytest.fixture
def town(tmp_path: Path) -> Iterator[Town]:
    """A host with an uplink eth0 (203.0.113.11/24, 2001:db8::b/64); `eth0` in the namespace `far` is its other end."""
    if os.geteuid():
        pytest.skip("needs root")
    prefix = f"nt{secrets.token_hex(3)}"
    home, far = f"{prefix}-home", f"{prefix}-far"
    for name in (home, far):
        subprocess.run(["ip", "netns", "add", name], check=True)
    made = Town(prefix, home, LinuxKernel(home, str(tmp_path / "netctl")), tmp_path)
    try:
        made.run(
            f"ip link set lo up; ip link add eth0 type veth peer name eth0 netns {far}; ip -n {far} link set eth0 up;"
            "ip link set eth0 addrgenmode none; ip link set eth0 up;"
            "ip address add 203.0.113.11/24 dev eth0; ip address add 2001:db8::b/64 nodad dev eth0;"
            "ip address add fe80::b/64 nodad dev eth0"
        )
        settle(made)
        yield made
    finally:
        for path in Path("/run/netns").glob(f"{prefix}*"):
            subprocess.run(["ip", "netns", "delete", path.name], check=False)
