"""BOTH SIDES: the devices netctl makes: a veth pair for each endpoint, and the tunnel. `link` sets them up."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Optional, Union

from state import naming
from state.change import Action, Change, Found, Wanted
from state.cluster import Cluster, Endpoint
from state.facts import Facts, Scope
from state.kernel import Kernel, Link, Settings, Veth, Vxlan
from state.kinds.kind import Kind
from state.placement import placed
from state.problem import Problem
from state.underlay import endpoint_mtu

LOOSE = 2
"""The kernel takes the larger of a device's and everybody's `rp_filter`: with 2 here it is never strict (1)."""

INSIDE = "device inside"
"""What an endpoint's own end of its device carries, with the name of its namespace."""

ELSEWHERE = "?"
"""The namespace of a veth's other end when it has no name any more."""


@dataclass(frozen=True)
class Device:
    """A device. `netns` and `peer*` are of a veth's other end, `port` and `ttl` of VXLAN; `mark` is its altname.

    `accept_ra` and `link_local` are those of the end where they are greater: both are to be off.
    """

    type: str
    mac: str
    mtu: int
    mark: str
    port: int = 0
    netns: str = ""
    peer: str = ""
    peer_mac: str = ""
    peer_mtu: int = 0
    peer_mark: str = ""
    peer_ipv6: bool = False
    rp_filter: int = LOOSE
    accept_ra: int = 0
    link_local: bool = False
    ipv6: bool = True
    ttl: int = 0


class Devices(Kind[Device]):
    """veth pairs and the tunnel device, marked by an alternative name on every end."""

    name = "device"
    value = Device
    fixed = frozenset({"type", "port", "netns", "peer", "ttl"})
    usual = MappingProxyType(
        {"rp_filter": LOOSE, "accept_ra": 0, "link_local": False, "ipv6": True, "peer_ipv6": True, "ttl": 0}
    )

    def desired(self, cluster: Cluster, host: str, facts: Facts) -> Mapping[str, Wanted[Device]]:
        """A pair for each endpoint that is not pending, and the tunnel in overlay mode."""
        mtu, ipv6 = endpoint_mtu(cluster, facts), cluster.ranges.ipv6 is not None
        wanted = {
            naming.device(endpoint): Wanted(_pair(endpoint, mtu, ipv6), endpoint.source)
            for endpoint in placed(cluster, host, facts)
        }
        if cluster.network.mode == "overlay":
            tunnel = Device(
                "vxlan",
                naming.overlay_mac(cluster.hosts[host]),
                mtu,
                naming.OVERLAY_MARK,
                port=cluster.network.port,
                ipv6=ipv6,
            )
            wanted[naming.OVERLAY] = Wanted(tunnel, cluster.hosts[host].source)
        return wanted

    def observe(self, kernel: Kernel, scope: Scope) -> Mapping[str, Found[Device]]:
        """Every marked device, and what has a name or a place that netctl could want."""
        found: dict[str, Found[Device]] = {}
        inside: dict[str, list[Link]] = {}
        for link in kernel.net.links():
            mark = _mark(link)
            if mark or link.name.startswith(naming.PREFIX):
                found[link.name] = Found(_device(link, _other_end(kernel, link, inside)), bool(mark))
        if naming.OVERLAY not in found:
            # The kernel has one tunnel on a port that takes all that comes there, whatever its name.
            for link in kernel.net.links():
                if link.type == "vxlan" and link.external and link.port == scope.tunnel_port and not _mark(link):
                    found[naming.OVERLAY] = Found(replace(_device(link, None), peer=link.name), owned=False)
        present = frozenset(kernel.netns.names())
        lead = {item.value.netns for item in found.values()}
        for netns, name in scope.devices.items():
            if name not in found and netns in present:
                for link in kernel.net.links(netns):
                    if link.name == naming.ENDPOINT_DEVICE and not (_mark(link) and netns in lead):
                        found[name] = Found(replace(_device(link, None), netns=netns, peer=link.name), owned=False)
        return found

    def obstacle(self, problem: Problem, value: Device) -> Problem:
        """What stands where an endpoint's own end would be is there, and not among the host's devices."""
        if naming.is_mark(value.peer_mark):
            name = problem.address.rpartition(" ")[2]
            return replace(
                problem,
                detail="Its other end has netctl's mark, and it has lost its own. If nobody else has made it:\n"
                f"ip link property add dev {name} altname {value.peer_mark}",
            )
        if value.peer_mac or not value.peer:
            return problem
        if value.type == "vxlan":
            return replace(
                problem,
                summary=f"device {value.peer} has the tunnel's UDP port, {value.port}, and is not netctl's",
                detail="Remove it, or give netctl another port: network.port",
            )
        end = f"device {value.peer} in netns {value.netns}"
        if value.mark:
            return replace(
                problem,
                summary=f"{end} is netctl's, and its other end is not on this host",
                detail="Somebody moved that end to another namespace, where netctl does not look. Move it back, or\n"
                f"remove the pair, and apply makes it anew: ip -n {value.netns} link del {value.peer}",
            )
        return replace(problem, summary=f"{end} exists and is not netctl's")

    def takes_along(self, change: Change) -> tuple[tuple[str, str], ...]:
        """What is configured on either end; with a hardware address that changes, the neighbours."""
        before, after = change.before, change.after
        if not isinstance(before, Device):
            return ()
        if change.action is not Action.UPDATE or not isinstance(after, Device):
            return (("device", change.address), (INSIDE, before.netns))
        own = (("mac", change.address),) if before.mac != after.mac else ()
        other = (("mac inside", before.netns),) if before.peer_mac != after.peer_mac else ()
        return own + other

    def occupies(self, value: Device) -> tuple[tuple[str, str], ...]:
        """Its mark, and the place of its other end."""
        return (("mark", value.mark), *([(INSIDE, value.netns)] if value.netns else []))

    def meanwhile(self, change: Change, after: Device) -> Device:
        """It keeps IPv6 until nothing of it is left: the kernel would take away what still has to be removed."""
        before = change.before
        if not isinstance(before, Device) or change.action is not Action.UPDATE:
            return after
        return replace(after, ipv6=before.ipv6 or after.ipv6, peer_ipv6=before.peer_ipv6 or after.peer_ipv6)

    def apply(self, kernel: Kernel, changes: Sequence[Change]) -> None:
        """Make, change or remove devices; only what is marked is ever removed."""
        marked = {link.name: link for link in kernel.net.links() if _mark(link)}
        for change in changes:
            name, wanted = change.address, change.after
            if name in marked and change.action is not Action.UPDATE:
                kernel.net.delete(name)
            if isinstance(wanted, Device):
                before = change.before if change.action is Action.UPDATE else None
                if not isinstance(before, Device):
                    kernel.net.create(_new(name, wanted))
                _configure(kernel, name, wanted, before if isinstance(before, Device) else None)


def _pair(endpoint: Endpoint, mtu: int, ipv6: bool) -> Device:
    mark, mac = naming.mark(endpoint), naming.mac(endpoint)
    other = naming.ENDPOINT_DEVICE
    return Device("veth", naming.HOST_MAC, mtu, mark, 0, endpoint.netns, other, mac, mtu, mark, ipv6, ipv6=ipv6)


def _new(name: str, device: Device) -> Union[Veth, Vxlan]:
    if device.type == "vxlan":
        return Vxlan(name, device.mac, device.mtu, device.mark, device.port)
    return Veth(name, device.mac, device.mtu, device.mark, device.netns, device.peer, device.peer_mac)


def _configure(kernel: Kernel, name: str, wanted: Device, before: Optional[Device]) -> None:
    """Set what creating does not set, or of an existing device everything that may have moved."""
    settings = Settings(
        mtu=wanted.mtu if before else None,
        mac=wanted.mac if before and before.mac != wanted.mac else None,
        mark=wanted.mark if before and before.mark != wanted.mark else None,
        rp_filter=wanted.rp_filter,
        accept_ra=wanted.accept_ra,
        ipv6=wanted.ipv6,
        link_local=wanted.link_local,
    )
    kernel.net.configure(name, settings)
    if wanted.peer:
        other = Settings(
            mtu=wanted.peer_mtu if before else None,
            mac=wanted.peer_mac if before and before.peer_mac != wanted.peer_mac else None,
            mark=wanted.peer_mark if before and before.peer_mark != wanted.peer_mark else None,
            accept_ra=wanted.accept_ra,
            ipv6=wanted.peer_ipv6,
            link_local=wanted.link_local,
        )
        kernel.net.configure(wanted.peer, other, wanted.netns)


def _mark(link: Link) -> str:
    return next((mark for mark in link.marks if naming.is_mark(mark)), "")


def _other_end(kernel: Kernel, link: Link, inside: dict[str, list[Link]]) -> Optional[Link]:
    if not link.peer_netns:
        return None
    if link.peer_netns not in inside:
        inside[link.peer_netns] = kernel.net.links(link.peer_netns)
    ends = [end for end in inside[link.peer_netns] if end.index == link.peer_index and end.peer_index == link.index]
    return ends[0] if ends else None


def _device(link: Link, end: Optional[Link]) -> Device:
    own = Device(
        link.type, link.mac, link.mtu, _mark(link), link.port, ttl=link.ttl,
        rp_filter=link.rp_filter, accept_ra=link.accept_ra, link_local=link.link_local, ipv6=link.ipv6,
    )  # fmt: skip
    if link.type != "veth":
        return own
    if end is None or link.peer_netns is None:
        return replace(own, netns=ELSEWHERE)
    return replace(
        own,
        netns=link.peer_netns,
        peer=end.name,
        peer_mac=end.mac,
        peer_mtu=end.mtu,
        peer_mark=_mark(end),
        peer_ipv6=end.ipv6,
        accept_ra=link.accept_ra or end.accept_ra,
        link_local=link.link_local or end.link_local,
    )
