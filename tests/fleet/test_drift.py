"""What somebody else did to a host is seen, named with the line that wants it otherwise, and repaired by one apply."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from tests.fleet.town import Town

INTRUDER = """
import struct
from pathlib import Path
from bpf import hooks, maps
from bpf.layout import LAYOUT, MAPS, Block, Peer
from state.host.linux import LinuxKernel
from state.kinds.packed import octets
from tests.bpf_loader import intruder
root = Path("/sys/fs/bpf")
link = root / "netctl/links/nc-0ec9-ingress"
bpf = LinuxKernel().bpf
FIRST = struct.pack("<I", 3785)
"""


@dataclass(frozen=True)
class Drift:
    """What is done on alpha, by a shell or a Python script; the changes that repair it, all of them; and its line."""

    script: str
    changes: tuple[str, ...]
    line: str
    python: bool = False


def shell(script: str, *changes: str, line: str = "netctl.yaml:14") -> Drift:
    """Done with the ordinary tools."""
    return Drift(script, changes, line)


def python(code: str, *changes: str, line: str = "netctl.yaml:14") -> Drift:
    """Done to programs, pins and maps."""
    return Drift(INTRUDER + code, changes, line, python=True)


OVERLAY = "nc-overlay"
HERE, THERE = "10.42.26.180", "10.42.21.79"
HERE6, THERE6 = "fd42:0:0:b89f::503", "fd42:0:0:52cf::/64"
HOST, OTHER = "netctl.yaml:8", "netctl.yaml:9"

CASES = {
    "a route to another host deleted": shell("ip route del 10.42.21.0/24", "create route 10.42.21.0/24", line=OTHER),
    "an IPv6 route to another host deleted": shell(f"ip -6 route del {THERE6}", f"create route {THERE6}", line=OTHER),
    "a route to an endpoint deleted": shell(f"ip route del {HERE}", f"create route {HERE}/32"),
    "the default route of an endpoint deleted": shell("ip -n web-1 route del default", "create route web-1 0.0.0.0/0"),
    "a route changed": shell(
        "ip route change 10.42.21.0/24 via 169.254.110.110 dev nc-overlay onlink proto 110",
        "update route 10.42.21.0/24",
        line=OTHER,
    ),
    "a route added in netctl's name": shell(
        "ip route add 10.42.77.0/24 dev nc-overlay proto 110", "delete route 10.42.77.0/24", line=""
    ),
    "a rule added in netctl's name": shell(
        "ip rule add priority 77 from 10.42.77.1 lookup main protocol 110",
        "delete rule ipv4 77 from 10.42.77.1/32 lookup 254",
        line="",
    ),
    "the tunnel's MTU changed": shell(f"ip link set {OVERLAY} mtu 1300", f"update device {OVERLAY}", line=HOST),
    "an endpoint's MTU changed": shell("ip link set nc-0ec9 mtu 1300", "update device nc-0ec9"),
    "an endpoint's own MTU changed": shell("ip -n web-1 link set eth0 mtu 1300", "update device nc-0ec9"),
    "an address of an endpoint removed": shell(
        f"ip -n web-1 address del {HERE6}/128 dev eth0",
        f"create address web-1 {HERE6}",
        "update route web-1 ::/0",
    ),
    "the router's address removed": shell(
        f"ip -6 address del fd42:0:0:b89f::1/128 dev {OVERLAY}",
        "create address fd42:0:0:b89f::1",
        "update route fd42:0:0:52cf::/64",
        "update route fd42:0:0:b89f::503/128",
        "update route fd42:0:0:b89f::c854/128",
        line=HOST,
    ),
    "a neighbour removed": shell(f"ip neighbour del {HERE} dev nc-0ec9", f"create neighbour nc-0ec9 {HERE}"),
    "a neighbour changed": shell(
        f"ip neighbour change {HERE} dev nc-0ec9 lladdr 02:00:00:00:00:01 nud permanent protocol 110",
        f"update neighbour nc-0ec9 {HERE}",
    ),
    "an endpoint's neighbour removed": shell(
        "ip -n web-1 neighbour del 10.42.26.1 dev eth0", "create neighbour web-1 eth0 10.42.26.1"
    ),
    "forwarding switched off": shell(
        "sysctl -qw net.ipv4.ip_forward=0", "update sysctl net.ipv4.ip_forward", line=HOST
    ),
    "the nftables table deleted": shell("nft delete table inet netctl", "create masquerade inet netctl", line=HOST),
    "a rule added to the nftables table": shell(
        "nft insert rule inet netctl postrouting accept", "update masquerade inet netctl", line=HOST
    ),
    "the nftables rules flushed": shell(
        "nft flush chain inet netctl postrouting", "update masquerade inet netctl", line=HOST
    ),
    "a program detached": python("intruder.detach(link)", "create attachment nc-0ec9 ingress"),
    "a program replaced": python(
        "with intruder.program('intruder') as fd: intruder.replace(link, fd)", "update attachment nc-0ec9 ingress"
    ),
    "the pin of an attachment removed": python("link.unlink()", "create attachment nc-0ec9 ingress"),
    "an endpoint's entry edited": python(
        "raw = bytearray(bpf.entries('endpoints')[FIRST]); raw[20] ^= 1; bpf.update('endpoints', {FIRST: bytes(raw)})",
        "update endpoint 3785",
    ),
    "an endpoint's entry added": python(
        "bpf.update('endpoints', {struct.pack('<I', 99): bpf.entries('endpoints')[FIRST]})",
        "delete endpoint 99",
        line="",
    ),
    "a peer edited in the live table": python(
        f"intruder.edit(root, 'addresses', octets('{THERE}'), Peer(1, 0, 0, 0, 0, 0).pack())",
        f"update peer {THERE}",
        line="netctl.yaml:16",
    ),
    "a peer removed from the live table": python(
        f"intruder.edit(root, 'addresses', octets('{THERE}'), None)", f"create peer {THERE}", line="netctl.yaml:16"
    ),
    "a block added to the live table": python(
        "key = struct.pack('<I', 120) + octets('192.0.2.0'); intruder.edit(root, 'blocks', key, Block(1, 0).pack())",
        "delete block 192.0.2.0/24",
        line="",
    ),
    "a verdict added to the live table": python(
        "intruder.edit(root, 'verdicts', struct.pack('<IHH', 0, 1, 1), struct.pack('<IB3x', 9, 1))",
        line="",
    ),
    "a setting edited": python("bpf.update('settings', {bytes(4): bytes(16)})", "create setting devices", line=HOST),
}

LARGE = {
    "an endpoint's entry removed": python("bpf.delete('endpoints', (FIRST,))"),
    "an endpoint's device deleted": shell("ip link del nc-0ec9"),
    "an endpoint's device renamed": shell("ip link set nc-0ec9 down; ip link set nc-0ec9 name moved up"),
    "the tunnel renamed": shell(f"ip link set {OVERLAY} down; ip link set {OVERLAY} name moved up", line=HOST),
    "the tunnel deleted": shell(f"ip link del {OVERLAY}", line=HOST),
    "an endpoint's namespace deleted": shell("ip netns del web-1"),
    "an endpoint's device down": shell("ip link set nc-0ec9 down"),
    "an endpoint's own device down": shell("ip -n web-1 link set eth0 down"),
    "the tunnel's packets made short-lived": shell(f"ip link set {OVERLAY} type vxlan ttl 1", line=HOST),
    "the tunnel down": shell(f"ip link set {OVERLAY} down", line=HOST),
    "a hardware address changed": shell("ip -n web-1 link set eth0 address 02:00:00:00:00:01"),
    "all addresses flushed": shell(f"ip address flush dev {OVERLAY}; ip -n web-1 address flush dev eth0"),
    "all routes flushed": shell("ip route flush proto 110; ip -6 route flush proto 110"),
    "IPv6 switched off": shell("sysctl -qw net.ipv6.conf.nc-0ec9.disable_ipv6=1"),
    "the pin of a program removed": python("next(root.glob('netctl/programs/endpoint/*/to_endpoint')).unlink()"),
    "the pin of a map removed": python("(root / 'netctl' / LAYOUT / 'endpoints').unlink()", line=HOST),
    "another map pinned in its place": python(
        "fd = maps.create(MAPS['endpoints']); intruder.pin(fd, root / 'netctl' / LAYOUT / 'endpoints')"
    ),
    "the pin folder removed": shell("rm -r /sys/fs/bpf/netctl", line=HOST),
    "the word of the generation gone": python("bpf.update('generation', {bytes(4): bytes(8)})", line=HOST),
}


@pytest.mark.parametrize("name", [*CASES, *LARGE])
def test_drift_is_seen_named_and_repaired(town: Town, name: str) -> None:
    drift = (CASES | LARGE)[name]
    (town.python if drift.python else town.on)("alpha", drift.script)
    planned = town.changes()
    assert planned, "not seen"
    assert {line.split()[0] for line in planned} == {"alpha"}
    if drift.changes:
        assert planned == [f"alpha {change}" for change in drift.changes]
    status = town.netctl("status")
    assert "alpha: drifted" in status.out
    assert "1 in sync, 1 drifted, 0 unreachable." in status.out
    assert drift.line in status.out
    town.apply()  # which looks again, and would fail if anything were left
    town.passes()


def test_a_program_of_somebody_else_before_ours_is_drift_and_stays(town: Town) -> None:
    watch = """
with intruder.program("watcher") as fd, maps.held(hooks.link(fd, bpf.devices()["eth0"], "ingress")) as held:
    intruder.pin(held, root / "watcher")
"""
    town.python("alpha", INTRUDER + watch)
    try:
        assert town.changes() == ["alpha update attachment eth0 ingress"]
        assert "watcher" in town.netctl("plan").out
        town.settle()
        assert town.python("alpha", INTRUDER + "print(bpf.foreign('eth0', 'ingress'))") == "('watcher',)\n"
        town.passes()
    finally:
        town.on("alpha", "rm /sys/fs/bpf/watcher")


def test_with_netctl_s_files_deleted_the_plan_is_still_empty(town: Town) -> None:
    kept = {host: town.on(host, "cat /var/lib/netctl/originals.json") for host in town.hosts}
    for host in town.hosts:
        town.on(host, "rm -rf /var/lib/netctl /run/netctl /etc/netctl")
    assert town.changes() == []
    assert town.netctl("status", "--detailed-exitcode").code == 0
    for host in town.hosts:  # what netctl overwrote, which destroy needs
        put = town.run(
            host, "bash", "-c", "mkdir -p /var/lib/netctl; cat > /var/lib/netctl/originals.json", stdin=kept[host]
        )
        assert put.returncode == 0


def test_a_host_that_was_rebooted_gets_everything_again(town: Town) -> None:
    from inventory.lab import power

    power.reboot(town.folder, "beta")
    planned = town.plan()
    assert {change["host"] for change in planned["changes"]} == {"beta"}
    assert {tuple(change["actions"]) for change in planned["changes"]} <= {("create",), ("update",)}
    assert {change["kind"] for change in planned["changes"] if change["actions"] == ["update"]} <= {"sysctl"}
    town.settle()
    town.passes()
