"""What a test run cannot show: packets that come by a real device, tagged, or are cut anew by who forwards them."""

from __future__ import annotations

import os
import secrets
import socket
import struct
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from bpf import hooks, maps
from bpf.layout import Endpoint
from state.host.facts import probe
from state.host.netlink import inside
from tests.bpf.datapath import Datapath
from tests.bpf.packets import FRAGMENT, HOP_BY_HOP, UDP, VLAN, Ip, mac, udp
from tests.bpf.rows import other
from tests.bpf.world import DB_ID, DB_MAC, HOST_MAC, IPV4, Rules, packed, tables
from tests.bpf.world import IPV6 as SIX

AWAY = "02:00:00:00:00:01"


class Between:
    """A host between two others: `away` is the device by which strangers come in, `db` an endpoint's."""

    def __init__(self, datapath: Datapath, stack: ExitStack) -> None:
        self.datapath, self.name = datapath, f"between-{secrets.token_hex(3)}"
        self.stranger = f"{self.name}-s"
        for name in (self.name, self.stranger, f"{self.name}-e"):
            _ip(f"netns add {name}")
            stack.callback(_ip, f"netns del {name}")
        _ip(f"link add stranger address {AWAY} netns {self.stranger} type veth peer away address {HOST_MAC} "
            f"netns {self.name}")  # fmt: skip
        _ip(f"link add eth0 address {DB_MAC} netns {self.name}-e type veth peer db netns {self.name}")
        for name, device in (
            (self.stranger, "stranger"),
            (f"{self.name}-e", "eth0"),
            (self.name, "db"),
            (self.name, "away"),
        ):
            _ip(f"-n {name} link set {device} up")

    def forward(self) -> None:
        """Be a router of IPv6 that puts fragments together, as conntrack does where anything is masqueraded."""
        for line in ("addr add 2001:db8:9::1/64 dev away nodad", f"route add {SIX.db} dev db",
                     f"neigh add {SIX.db} dev db lladdr {DB_MAC}"):  # fmt: skip
            _ip(f"-n {self.name} -6 {line}")
        self._run("sysctl -qw net.ipv6.conf.all.forwarding=1")
        self._run("nft add table inet t")
        self._run("nft add chain inet t c { type nat hook postrouting priority 100 ; }")
        self._run("nft add rule inet t c ip6 saddr fd42::/64 masquerade")

    def _run(self, command: str) -> None:
        subprocess.run(["ip", "netns", "exec", self.name, *command.split()], check=True)

    def attach(self, function: str, device: str, direction: str) -> int:
        """Let a program of the datapath run there."""
        with inside(self.name):
            index = socket.if_nametoindex(device)
            hooks.make_qdisc(index)
            hooks.put_filter(self.datapath.programs[function], index, direction)
        return index

    def sent(self, *frames: bytes, until: str) -> set[str]:
        """The reasons that were counted of frames that the stranger sends, when it is known what must be among them."""
        before = self.datapath.counts()
        with inside(self.stranger):
            wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
        with wire:
            wire.bind(("stranger", 0))
            for frame in frames:
                wire.send(frame)
        deadline = time.monotonic() + 5
        while time.monotonic() < deadline:
            after = self.datapath.counts()
            found = {reason for reason, way in after if after[reason, way] != before.get((reason, way), 0)}
            if until in found:
                return found
            os.sched_yield()
        raise AssertionError(f"nothing was counted as {until}")


def _ip(arguments: str) -> None:
    subprocess.run(["ip", *arguments.split()], check=True)


@pytest.fixture
def between(overlay: Datapath) -> Iterator[Between]:
    with ExitStack() as stack:
        yield Between(overlay, stack)


def tagged(frame: bytes, *tags: int) -> bytes:
    """The frame behind VLAN tags."""
    return frame[:12] + b"".join(struct.pack("!HH", VLAN, tag) for tag in tags) + frame[12:]


@pytest.mark.parametrize(("tags", "why"), [((0,), "forged endpoint"), ((0, 0), "vlan tag"), ((7,), "passed other")])
def test_a_priority_tag_hides_no_forged_source(between: Between, tags: tuple[int, ...], why: str) -> None:
    between.datapath.reset(tables(Rules()))
    between.attach("from_uplink", "away", "ingress")
    frame = tagged(other(IPV4, "far", "host").frame(), *tags)
    assert between.sent(frame, until=why)


def test_who_is_cut_anew_by_the_kernel_is_not_the_host(between: Between) -> None:
    if not probe(tcx=False).nft:
        pytest.skip("the kernel has no nftables")
    between.forward()
    between.datapath.reset(tables(Rules(db_ingress=())))
    index = between.attach("to_endpoint", "db", "egress")
    number = struct.pack("<I", DB_ID)
    db = Endpoint(index, 0, mac(DB_MAC), mac(HOST_MAC), packed(IPV4.db)[12:], packed(SIX.db))
    maps.write(between.datapath.maps["endpoints"], {number: db.pack()})
    maps.write(between.datapath.maps["devices"], {struct.pack("<I", index): number})
    seen = between.sent(*fragments(), until="denied by default")
    assert not any(reason.startswith("passed") for reason in seen)


def fragments() -> Iterator[bytes]:
    """A datagram in three; the options of the first make the kernel cut it anew, as conntrack has put it together."""
    whole, size = udp(1000, 53, bytes(3000)), 1200
    for offset in range(0, len(whole), size):
        more = int(offset + size < len(whole))
        header = struct.pack("!BBHI", UDP, 0, offset | more, 7)
        options = b"" if offset else bytes([FRAGMENT, 1, 0x1E, 12]) + bytes(12)
        first = FRAGMENT if offset else HOP_BY_HOP
        yield Ip(SIX.world, SIX.db, UDP, whole[offset : offset + size], AWAY, HOST_MAC, options=options + header,
                 first=first).frame()  # fmt: skip
