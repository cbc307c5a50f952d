"""HOST: what else runs on this host and may bite: sentences for the plan. Nothing here is changed, or needed."""

from __future__ import annotations

import _socket
import os
import struct
from collections.abc import Iterator, Sequence

from state.facts import Scope
from state.host.netlink import attributes
from state.kernel import Address, Kernel, Link
from state.kinds.marked import within
from state.naming import PREFIX, PROTOCOL, is_mark

_AF_NETLINK, _NETLINK_NETFILTER = 16, 12
_GET_CHAIN = 10 << 8 | 4
_DUMP = 0x301
_FORWARD, _DROP = 2, 0
_BY_KERNEL = 2
_FAMILIES = {1: "inet", 2: "ip", 10: "ip6"}


def warnings(
    kernel: Kernel, scope: Scope, links: Sequence[Link], addresses: Sequence[Address], uplink: str
) -> Iterator[str]:
    """Everything that may bite on this host."""
    yield from networkd()
    yield from network_manager()
    yield from _forward_policy()
    yield from _reverse_path(kernel, links, addresses, uplink)
    yield from others_programs(kernel, uplink)
    yield from _detours(kernel, scope)
    if scope.tunnel_port:
        yield from _port_taken(scope.tunnel_port, links)


def others_programs(kernel: Kernel, uplink: str) -> Iterator[str]:
    """Programs of others at the uplink's hooks; that one of them runs first is a difference, too."""
    if not uplink or kernel.bpf.missing():
        return
    for direction in ("ingress", "egress"):
        names = ", ".join(kernel.bpf.foreign(uplink, direction))
        if names:
            yield (
                f"{uplink} {direction} has a program that is not netctl's ({names}): "
                "netctl's runs first, and what it drops or delivers the other does not see"
            )


def _detours(kernel: Kernel, scope: Scope) -> Iterator[str]:
    """Routes and rules of others that go before netctl's: what this host itself sends to endpoints takes their way."""
    routes = kernel.net.routes("", scope.ranges)
    for route in routes:
        if route.protocol in (PROTOCOL, _BY_KERNEL):
            continue
        own = [item.destination for item in routes if item.protocol == PROTOCOL and item.table == route.table]
        wider = [item for item in own if item != route.destination and within(route.destination, (item,))]
        if wider:
            yield (
                f"the route to {route.destination} is not netctl's and goes before netctl's to {wider[0]}: "
                "what this host sends there takes another way"
            )
    for rule in kernel.net.rules():
        about = [item for item in (rule.source, rule.destination) if item and within(item, scope.ranges)]
        if about and rule.protocol != PROTOCOL:
            yield (
                f"the routing rule {rule.priority} about {about[0]} is not netctl's: "
                "what this host sends to endpoints may take another way"
            )


def networkd(root: str = "/") -> Iterator[str]:
    """systemd-networkd removes routes and rules it does not know, unless it is told not to."""
    links = f"{root}run/systemd/netif/links"
    if not os.path.isdir(links) or not os.listdir(links):
        return  # it is not there, or has never run
    settings = {"ManageForeignRoutes": "yes", "ManageForeignRoutingPolicyRules": "yes"}
    for line in _configuration(root, "systemd/networkd.conf"):
        name, _, value = line.partition("=")
        if name.strip() in settings:
            settings[name.strip()] = value.strip().lower()
    harmful = [name for name, value in settings.items() if value not in ("no", "false", "off", "0")]
    if harmful:
        yield (
            f"systemd-networkd runs with {' and '.join(harmful)} on: it removes netctl's when it restarts; "
            "set it to no in /etc/systemd/networkd.conf"
        )


def network_manager(root: str = "/") -> Iterator[str]:
    """NetworkManager takes over devices that it is not told to leave alone."""
    if not os.path.isdir(f"{root}run/NetworkManager"):
        return
    ignored = [
        line for line in _configuration(root, "NetworkManager/NetworkManager.conf") if "unmanaged-devices" in line
    ]
    if not any(f"{PREFIX}*" in line for line in ignored):
        yield (
            f"NetworkManager runs and may manage netctl's devices; "
            f"set `unmanaged-devices=interface-name:{PREFIX}*` in its [keyfile] section"
        )


def _configuration(root: str, name: str) -> Iterator[str]:
    """The lines of a configuration file and its drop-in folder, in the order in which they count."""
    folders = [f"{root}usr/lib", f"{root}run", f"{root}etc"]
    drop_in = name.replace("NetworkManager.conf", "conf") if name.startswith("NetworkManager") else name
    paths = [f"{folder}/{name}" for folder in folders]
    for folder in folders:
        place = f"{folder}/{drop_in}.d"
        if os.path.isdir(place):
            paths += sorted(f"{place}/{entry}" for entry in os.listdir(place) if entry.endswith(".conf"))
    for path in paths:
        yield from _lines(path)


def _lines(path: str) -> list[str]:
    try:
        with open(path, errors="replace") as file:
            return [line for line in file.read().splitlines() if not line.lstrip().startswith("#")]
    except OSError:
        return []


def _forward_policy() -> Iterator[str]:
    """A FORWARD policy of DROP, as Docker sets it, also drops what endpoints send to the world."""
    chains = [
        f"{_FAMILIES[family]} {table} {name}"
        for family, table, name, hook, policy in _chains()
        if family in _FAMILIES and hook == _FORWARD and policy == _DROP and table != "netctl"
    ]
    if any(
        "filter" in line for path in ("ip_tables_names", "ip6_tables_names") for line in _lines(f"/proc/net/{path}")
    ):
        chains += _legacy_chains()
    if chains:
        yield (
            f"packets are dropped unless a rule accepts them when forwarded ({', '.join(chains)}): what endpoints "
            "exchange with the world needs such rules; traffic between endpoints does not pass there"
        )


def _chains() -> Iterator[tuple[int, str, str, int, int]]:
    """Family, table, name, hook and policy of every base chain of nftables."""
    try:
        socket = _socket.socket(_AF_NETLINK, _socket.SOCK_RAW | _socket.SOCK_CLOEXEC, _NETLINK_NETFILTER)
    except OSError:
        return
    try:
        socket.send(struct.pack("=IHHIIBBH", 20, _GET_CHAIN, _DUMP, 1, 0, 0, 0, 0))
        while True:
            data, offset = socket.recv(1 << 16), 0
            while offset + 20 <= len(data):
                length, kind = struct.unpack_from("=IH", data, offset)
                if kind < 16:
                    return  # the end, or a kernel without nftables
                message = data[offset + 16 : offset + length]
                found = attributes(message, 4)
                if 4 in found:
                    hook = attributes(found[4]).get(1, b"\xff" * 4)
                    policy = found.get(5, b"\0\0\0\1")
                    names = (found[key].rstrip(b"\0").decode() for key in (1, 3))
                    yield message[0], next(names), next(names), *struct.unpack("!II", hook + policy)
                offset += (length + 3) & ~3
    except OSError:
        return
    finally:
        socket.close()


def _legacy_chains() -> Iterator[str]:
    """The same of iptables as it was before nftables; only its own command can tell."""
    import subprocess

    for command in ("iptables-legacy", "ip6tables-legacy"):
        try:
            said = subprocess.run([command, "-S", "FORWARD"], capture_output=True, text=True, timeout=5, check=False)
        except (OSError, subprocess.TimeoutExpired):
            continue
        if "-P FORWARD DROP" in said.stdout:
            yield f"{command} filter FORWARD"


def _reverse_path(kernel: Kernel, links: Sequence[Link], addresses: Sequence[Address], uplink: str) -> Iterator[str]:
    """Strict reverse path filtering drops what comes by another device than the answer would take."""
    everywhere = kernel.sysctl.read("net/ipv4/conf/all/rp_filter") == "1"
    strict = {link.name for link in links if link.rp_filter == 1 or (everywhere and link.rp_filter == 0)}
    ours = {link.name for link in links if any(is_mark(mark) for mark in link.marks)}
    reached = {item.device for item in addresses if "." in item.address and item.device not in ours | {"lo"}}
    if uplink in strict and len(reached) > 1:
        yield (
            f"rp_filter is strict on {uplink}, and {len(reached)} devices have addresses: packets of other hosts that "
            f"come in by one and would be answered by another are dropped; set net.ipv4.conf.{uplink}.rp_filter=2"
        )


def _port_taken(port: int, links: Sequence[Link]) -> Iterator[str]:
    tunnels = [link for link in links if link.type == "vxlan" and link.port == port]
    for link in tunnels:
        if not any(is_mark(mark) for mark in link.marks):
            yield f"UDP port {port} is used by the VXLAN device {link.name}, which is not netctl's; see network.port"
    if any(link.up for link in tunnels):
        return  # the socket on this port is the device's own
    for path in ("/proc/net/udp", "/proc/net/udp6"):
        for line in _lines(path)[1:]:
            words = line.split()
            if len(words) > 9 and words[1].endswith(f":{port:04X}") and words[9] != "0":
                yield f"UDP port {port} is used by a process on the host; tunnels need it; see network.port"
                return
