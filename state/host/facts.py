"""HOST: the facts of this host: what desired state depends on and only the host knows, what it lacks, what may bite."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Optional

from state.facts import Device, Facts, Features, Scope
from state.host import files, login, ruleset, surroundings
from state.kernel import Address, Kernel, Link
from state.kinds.marked import within
from state.naming import PROTOCOL, is_mark

OLDEST_KERNEL = (6, 1)
_CAPABILITIES = {"CAP_NET_ADMIN": 12, "CAP_SYS_ADMIN": 21, "CAP_BPF": 39}
_PATH = ("/usr/sbin", "/usr/bin", "/sbin", "/bin", "/usr/local/sbin", "/usr/local/bin")


@dataclass(frozen=True)
class Uplink:
    """The device that carries the host's underlay addresses, and these."""

    device: str
    mtu: int = 0
    ipv4: Optional[IPv4Address] = None
    ipv6: Optional[IPv6Address] = None


def gather(kernel: Kernel, scope: Scope) -> Facts:
    """Everything only the host knows; what it lacks all at once."""
    links, addresses = kernel.net.links(), kernel.net.addresses()
    foreign = [link for link in links if not any(is_mark(mark) for mark in link.marks)]
    uplink = find_uplink(kernel, scope, foreign, addresses)
    lacks_bpf = kernel.bpf.missing()
    features = probe(tcx=not lacks_bpf and kernel.bpf.tcx())
    present = frozenset(kernel.netns.names())
    release = files.release()
    return Facts(
        kernel=release,
        python=".".join(map(str, _python_version())),
        boot_id=files.boot_id(),
        features=features,
        uplink=uplink.device,
        uplink_mtu=uplink.mtu,
        underlay_ipv4=uplink.ipv4,
        underlay_ipv6=uplink.ipv6,
        devices=_devices(foreign, addresses),
        present=present,
        foreign_netns=present - frozenset(kernel.netns.owned() if present else ()),
        missing=lacks_bpf + tuple(_missing(scope, features, uplink)) + tuple(cut_off(kernel, scope)),
        warnings=tuple(_old(release)) + tuple(surroundings.warnings(kernel, scope, links, addresses, uplink.device)),
        ticks=250 if lacks_bpf else kernel.bpf.ticks(),
        objects={} if lacks_bpf else kernel.bpf.objects(),
    )


def _python_version() -> tuple[int, ...]:
    import sys

    return tuple(sys.version_info[:3])


def _devices(links: Iterable[Link], addresses: Iterable[Address]) -> dict[str, Device]:
    held: dict[str, list[str]] = {}
    for item in addresses:
        if item.protocol != PROTOCOL:
            held.setdefault(item.device, []).append(f"{item.address}/{item.length}")
    return {
        link.name: Device(link.name, link.index, link.mtu, link.up, tuple(held.get(link.name, ())), link.accept_ra)
        for link in links
    }


def find_uplink(kernel: Kernel, scope: Scope, links: Sequence[Link], addresses: Sequence[Address]) -> Uplink:
    """The device that tunnels and routes between hosts use.

    As the manifest says, where it does; else the one with the address that this connection came to; else the one of the
    default route; else the first that has an address.
    """
    usable = {link.name: link for link in links if link.type != "loopback" and link.name != "lo"}
    found = [item for item in addresses if item.device in usable and not item.address.startswith("fe80:")]
    holders = {item.address: item.device for item in reversed(found)}
    told = [str(address) for address in (scope.underlay_ipv4, scope.underlay_ipv6) if address is not None]
    likely = [*told, login.ends()[1]]
    device = scope.uplink or next((holders[address] for address in likely if address in holders), "")
    device = device or _default_device(kernel, usable) or next((item.device for item in found), "")
    if device not in usable:
        return Uplink(device if scope.uplink else "")
    mine = [ip_address(item.address) for item in found if item.device == device]
    return Uplink(
        device,
        usable[device].mtu,
        scope.underlay_ipv4 or next((item for item in mine if isinstance(item, IPv4Address)), None),
        scope.underlay_ipv6 or next((item for item in mine if isinstance(item, IPv6Address)), None),
    )


def cut_off(kernel: Kernel, scope: Scope) -> Iterator[str]:
    """Who sits in the ranges of endpoints and is none would be taken for a forger by the uplink: the user first of all.

    An endpoint of the cluster may well be where the user sits: netctl has a route to it then.
    """
    client = login.ends()[0].partition("%")[0]
    ranges = [item for item in scope.ranges if client and within(client, (item,))]
    routes = kernel.net.routes("", ranges) if ranges else []
    if ranges and not any(route.protocol == PROTOCOL and within(client, (route.destination,)) for route in routes):
        yield (
            f"this connection comes from {client}, which lies in ranges.endpoints ({ranges[0]}): the host would drop "
            "it as forged, and you would be locked out; move the range"
        )


def _default_device(kernel: Kernel, usable: Mapping[str, Link]) -> str:
    for somewhere in ("192.0.2.1", "2001:db8::1"):
        route = kernel.net.route_to(somewhere)
        if route is not None and route.device in usable:
            return route.device
    return ""


def probe(tcx: bool) -> Features:
    """What this kernel and this machine can do."""
    return Features(
        tcx=tcx,
        btf=files.is_there("/sys/kernel/btf/vmlinux"),
        jit=_jit(),
        vxlan=files.has_module("vxlan"),
        nft=_masquerades(),
        ringbuf=version(files.release()) >= (5, 8),
    )


def _masquerades() -> bool:
    """Whether nftables is here, as a command and in the kernel, and can translate addresses: some kernels' cannot."""
    in_kernel = bool(ruleset.generation(""))
    return _has_command("nft") and in_kernel and all(map(files.has_module, ("nft_masq", "nft_chain_nat")))


def _jit() -> bool:
    """Whether BPF is compiled. The sysctl does not show in every namespace; without it only User-Mode Linux cannot."""
    if setting := _text("/proc/sys/net/core/bpf_jit_enable"):
        return setting != "0"
    if files.is_there("/proc/sys/net/core/netdev_max_backlog"):
        return False
    return "User Mode Linux" not in _text("/proc/cpuinfo")


def _has_command(name: str) -> bool:
    return any(files.is_executable(f"{folder}/{name}") for folder in _PATH)


def version(release: str) -> tuple[int, ...]:
    """The two leading numbers of a kernel release."""
    numbers = release.replace("-", ".").split(".")[:2]
    return tuple(int(part) for part in numbers if part.isdigit())


def _old(release: str) -> Iterable[str]:
    if version(release) < OLDEST_KERNEL:
        yield f"kernel {release} is older than 6.1, the oldest that netctl is tested with"


def _missing(scope: Scope, features: Features, uplink: Uplink) -> Iterable[str]:
    held = files.capabilities()
    for name, bit in _CAPABILITIES.items():
        if not held >> bit & 1:
            yield f"{name} is not held: log in as root, or let the user run `sudo -n`"
    if not _has_command("ip"):
        yield "iproute2 is not installed (`ip` is in none of the usual folders)"
    if not features.ringbuf:
        yield "the kernel has no BPF ring buffers (5.8 and newer have)"
    if scope.tunnel_port and not features.vxlan:
        yield "the kernel has no vxlan module"
    if scope.uplink and not uplink.mtu:
        yield f"there is no device {scope.uplink}, which the manifest names as the underlay's"
    elif not uplink.device:
        yield "no device has an address that other hosts could reach: name it in the manifest (`underlay`)"


def _text(path: str) -> str:
    return (files.text(path) or "").strip()
