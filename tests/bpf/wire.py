"""Two hosts, three endpoints and the outside as network namespaces with real devices; the programs attached to them."""

from __future__ import annotations

import errno
import os
import socket
import subprocess
from collections.abc import Generator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace

from bpf import hooks, maps
from bpf.layout import MAPS, Endpoint, Host, Peer, Settings
from bpf.layout import Address as Key
from state.host.facts import probe
from state.host.netlink import inside
from state.naming import BEYOND_IPV4, BEYOND_IPV6, BEYOND_MAC
from tests.bpf import packets
from tests.bpf.datapath import TUNNEL_PORT, Datapath, datapath
from tests.bpf.world import (
    DB,
    DB_MAC,
    FAR,
    HOST,
    HOST_MAC,
    IPV4,
    IPV6,
    REMOTE,
    WEB,
    WEB_MAC,
    Rules,
    packed,
    tables,
)

FAR_MAC = "0a:6e:0a:2a:01:02"
PATIENCE = 3.0
NEVER = 0.3
"""How long a packet that must not arrive is waited for: its drop is read from the counters as well."""


@dataclass(frozen=True)
class Site:
    """A host: its endpoints as (name, number, hardware address)."""

    name: str
    number: int
    endpoints: tuple[tuple[str, int, str], ...]

    def addresses(self, key: str) -> tuple[str, str]:
        """Of `underlay`, `router` or the `slice`."""
        one = {"underlay": ("192.0.2.{n}", "2001:db8::{n}"), "router": ("10.42.{s}.1", "{v6}1"),
               "slice": ("10.42.{s}.0/24", "{v6}/64")}[key]  # fmt: skip
        prefix = "fd42::" if self.number == 1 else "fd42:0:0:1::"
        ipv4, ipv6 = (text.format(n=self.number, s=self.number - 1, v6=prefix) for text in one)
        return ipv4, ipv6


ALPHA = Site("alpha", 1, (("web", 1, WEB_MAC), ("db", 2, DB_MAC)))
BETA = Site("beta", 2, (("far", 1, FAR_MAC),))


class Wire:
    """The namespaces; names in them are those of the story."""

    def __init__(self, native: bool, stack: ExitStack) -> None:
        self.native = native
        self.masquerades = probe(tcx=True).nft
        self._stack = stack
        self._prefix = f"ncw{os.getpid()}-"
        self.hosts: dict[str, Datapath] = {}
        for name in ("fabric", "outside", "alpha", "beta", "web", "db", "far"):
            self._namespace(name)
        self._ip("fabric", "link add br0 type bridge", "link set br0 up")
        self._join("outside", 254, "203.0.113.9/32", "2001:db8:9::9/128")
        for site, other in ((ALPHA, BETA), (BETA, ALPHA)):
            self._host(site, other)
            self.hosts[site.name] = stack.enter_context(datapath(network_mode=int(native)))
            self._programs(site)
        self.decide(Rules())

    def decide(self, rules: Rules) -> None:
        """Give alpha these policies, and beta its tables."""
        self.hosts["alpha"].switch(tables(rules))
        self.hosts["beta"].switch(_beta())

    def counts(self, host: str, reason: str) -> int:
        """How many packets a host's programs dropped or passed for a reason."""
        return sum(count for (name, _), count in self.hosts[host].counts().items() if name == reason)

    def socket(self, where: str, address: str, kind: socket.SocketKind, port: int = 0) -> socket.socket:
        """A bound socket in a namespace, closed in the end."""
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        with inside(self._prefix + where):
            made = self._stack.enter_context(socket.socket(family, kind))
        made.settimeout(PATIENCE)
        made.bind((address, port))
        return made

    def udp(self, client: str, server: str, source: str, destination: str, size: int = 10) -> str:
        """A datagram and its answer; who the server thinks it comes from. `""` if it did not arrive."""
        asks = self.socket(client, source, socket.SOCK_DGRAM)
        answers = self.socket(server, destination, socket.SOCK_DGRAM)
        asks.connect(answers.getsockname()[:2])
        answers.settimeout(NEVER if size == 0 else PATIENCE)
        asks.send(b"x" * max(size, 1))
        try:
            data, who = answers.recvfrom(65535)
        except TimeoutError:
            return ""
        answers.sendto(data, who)
        assert asks.recv(65535) == data
        return str(who[0])

    def tcp(self, client: str, server: str, source: str, destination: str) -> str:
        """A connection with an answer; who the server thinks it comes from. `""` if it was not made."""
        asks = self.socket(client, source, socket.SOCK_STREAM)
        answers = self.socket(server, destination, socket.SOCK_STREAM)
        answers.listen()
        asks.connect(answers.getsockname()[:2])
        made, who = answers.accept()
        with made:
            made.settimeout(PATIENCE)
            for sender, receiver in ((asks, made), (made, asks)):
                sender.sendall(b"hello" * 1000)
                got = b""
                while len(got) < 5000:
                    got += receiver.recv(5000)
        return str(who[0])

    def is_refused(self, client: str, source: str, destination: str) -> bool:
        """Whether a datagram to a closed port comes back as an ICMP error."""
        asks = self.socket(client, source, socket.SOCK_DGRAM)
        asks.connect((destination, 9))
        asks.send(b"x")
        try:
            asks.recv(10)
        except OSError as error:
            return error.errno == errno.ECONNREFUSED
        return False

    def _namespace(self, name: str) -> None:
        full = self._prefix + name
        subprocess.run(["ip", "netns", "add", full], check=True)
        self._stack.callback(subprocess.run, ["ip", "netns", "delete", full], check=False)
        self._ip(name, "link set lo up")

    def _ip(self, where: str, *lines: str) -> None:
        command = ["ip", "-n", self._prefix + where, "-batch", "-"]
        subprocess.run(command, input="\n".join(lines), text=True, check=True)

    def _sysctl(self, where: str, **values: int) -> None:
        settings = [f"net.{key.replace('__', '.')}={value}" for key, value in values.items()]
        subprocess.run(["ip", "netns", "exec", self._prefix + where, "sysctl", "-qw", *settings], check=True)

    def _join(self, name: str, number: int, *more: str) -> None:
        self._ip(
            "fabric",
            f"link add {name} type veth peer name up0 netns {self._prefix}{name}",
            f"link set {name} master br0 up",
        )
        self._ip(
            name,
            "link set up0 up",
            f"addr add 192.0.2.{number}/24 dev up0",
            f"addr add 2001:db8::{number}/64 dev up0 nodad",
            *(f"addr add {address} dev up0" for address in more),
        )
        if name == "outside":
            for site in (ALPHA, BETA):
                for block, via in zip(site.addresses("slice"), site.addresses("underlay"), strict=True):
                    self._ip(name, f"route add {block} via {via}")

    def _host(self, site: Site, other: Site) -> None:
        name, router = site.name, site.addresses("router")
        self._join(name, site.number)
        self._sysctl(name, ipv4__ip_forward=1, ipv6__conf__all__forwarding=1, ipv4__conf__all__rp_filter=0)
        self._ip(name, "route add default via 192.0.2.254", "route add default via 2001:db8::254")
        holder = "lo" if self.native else "nc-overlay"
        if not self.native:
            mac = f"0a:6f:0a:2a:0{site.number - 1}:01"
            self._ip(name, f"link add nc-overlay address {mac} type vxlan external dstport {TUNNEL_PORT} nolearning",
                     "link set nc-overlay mtu 1450 up")  # fmt: skip
        self._ip(name, f"addr add {router[0]}/32 dev {holder}", f"addr add {router[1]}/128 dev {holder} nodad")
        ways = zip(
            other.addresses("slice"), (BEYOND_IPV4, BEYOND_IPV6), other.addresses("underlay"), router, strict=True
        )
        for block, beyond, underlay, source in ways:
            if self.native:
                self._ip(name, f"route add {block} via {underlay} dev up0")
            else:
                self._ip(name, f"neigh add {beyond} lladdr {BEYOND_MAC} dev nc-overlay nud permanent",
                         f"route add {block} via {beyond} dev nc-overlay onlink src {source}")  # fmt: skip
        for endpoint, number, mac in site.endpoints:
            self._endpoint(name, router, endpoint, number, mac)
        if self.masquerades:
            self._masquerade(site)

    def _endpoint(self, host: str, router: tuple[str, str], name: str, number: int, mac: str) -> None:
        self._ip(host, f"link add nc-{number} address {HOST_MAC} type veth peer name eth0 address {mac} netns "
                 f"{self._prefix}{name}", f"link set nc-{number} mtu 1450 up")  # fmt: skip
        self._ip(name, "link set eth0 mtu 1450 up")
        for address, length, gateway in zip((_of(IPV4, name), _of(IPV6, name)), (32, 128), router, strict=True):
            nodad = " nodad" if length == 128 else ""
            self._ip(name, f"addr add {address}/{length} dev eth0{nodad}",
                     f"neigh add {gateway} lladdr {HOST_MAC} dev eth0 nud permanent",
                     f"route add default via {gateway} dev eth0 onlink")  # fmt: skip
            self._ip(host, f"neigh add {address} lladdr {mac} dev nc-{number} nud permanent",
                     f"route add {address} dev nc-{number} src {gateway}")  # fmt: skip

    def _masquerade(self, site: Site) -> None:
        ipv4, ipv6 = site.addresses("slice")
        rules = f"""
table inet netctl {{
    chain postrouting {{
        type nat hook postrouting priority 100;
        oifname != "nc-*" ip saddr {ipv4} ip daddr != {{ 10.42.0.0/16, 192.0.2.1, 192.0.2.2 }} masquerade
        oifname != "nc-*" ip6 saddr {ipv6} ip6 daddr != {{ fd42::/48, 2001:db8::1, 2001:db8::2 }} masquerade
    }}
}}
"""
        command = ["ip", "netns", "exec", self._prefix + site.name, "nft", "-f", "-"]
        subprocess.run(command, input=rules, text=True, check=True)

    def _programs(self, site: Site) -> None:
        made = self.hosts[site.name]
        inner = MAPS["connections"].inner
        assert inner is not None
        with inside(self._prefix + site.name):
            uplink = socket.if_nametoindex("up0")
            overlay = 0 if self.native else socket.if_nametoindex("nc-overlay")
            setting = Settings(overlay, uplink, 0 if self.native else TUNNEL_PORT)
            maps.write(made.maps["settings"], {bytes(4): setting.pack()})
            self._attach(made, "uplink", uplink)
            if overlay:
                self._attach(made, "overlay", overlay)
            for name, number, mac in site.endpoints:
                device = socket.if_nametoindex(f"nc-{number}")
                key = number.to_bytes(4, "little")
                value = Endpoint(
                    device, 0, packets.mac(mac), packets.mac(HOST_MAC), packed(_of(IPV4, name))[12:],
                    packed(_of(IPV6, name)),
                )  # fmt: skip
                maps.write(made.maps["endpoints"], {key: value.pack()})
                maps.write(made.maps["devices"], {device.to_bytes(4, "little"): key})
                with maps.held(maps.create(replace(inner, max_entries=4096))) as fd:
                    maps.put_inner(made.maps["connections"], number, fd)
                self._attach(made, "endpoint", device)

    def _attach(self, made: Datapath, name: str, device: int) -> None:
        if not hooks.has_tcx():
            hooks.make_qdisc(device)
        for point, direction in ((f"from_{name}", "ingress"), (f"to_{name}", "egress")):
            if hooks.has_tcx():
                self._stack.callback(os.close, hooks.link(made.programs[point], device, direction))
            else:
                hooks.put_filter(made.programs[point], device, direction)


def _of(family: object, name: str) -> str:
    found: str = getattr(family, name)
    return found


def _beta() -> Mapping[str, Mapping[bytes, bytes]]:
    """What beta knows: far is its own, alpha is the other host."""
    found = {name: dict(table) for name, table in tables(Rules()).items()}
    found["hosts"] = {(1).to_bytes(4, "little"): Host(Key(packed(IPV4.host))).pack()}
    peers = {
        "web": Peer(WEB, 1, 0, 0, 0, 0),
        "db": Peer(DB, 1, 0, 0, 0, 0),
        "far": Peer(FAR, 0, 1, 0, 0, 0),
        "router": Peer(REMOTE, 1, 0, 0, 0, 0),
        "host": Peer(REMOTE, 1, 0, 0, 0, 0),
        "beta_router": Peer(HOST, 0, 0, 0, 0, 0),
        "beta": Peer(HOST, 0, 0, 0, 0, 0),
    }
    found["addresses"] = {
        packed(_of(family, name)): peer.pack() for name, peer in peers.items() for family in (IPV4, IPV6)
    }
    return found


@contextmanager
def wire(native: bool = False) -> Generator[Wire]:
    """The namespaces, gone in the end."""
    with ExitStack() as stack:
        yield Wire(native, stack)
