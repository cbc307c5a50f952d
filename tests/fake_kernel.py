"""A kernel in memory: the second implementation of the port, fast enough for properties.

What it knows of the real one, each held by a test in tests/netns/: a device takes its other end, its addresses,
neighbours and routes with it; a device that goes down loses its neighbours, its routes, and its IPv6 addresses; an
address takes the IPv4 routes that send from it along, and the last one on a device all its IPv4 routes and neighbours;
another hardware address forgets neighbours; a route needs a device that is up and a source that is there;
forwarding sets every device, and forgets routes that a router advertisement gave unless `accept_ra` is 2.

What it does not prove: that a request is encoded as the kernel wants it, what the kernel writes by itself (connected
and local routes, link-local addresses), timing, permissions, or anything of packets. It has no BPF.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from ipaddress import ip_network
from typing import Optional, Union, cast

from state.kernel import Address, Link, Neighbour, Route, Rule, Settings, Thing, Veth, Vxlan
from state.kernel_bpf import Bpf
from state.naming import OWNER, PROTOCOL
from state.problem import HostError
from tests.fake_bpf import FakeBpf

RA = 9
"""The protocol number of routes that came by router advertisement."""


@dataclass
class Space:
    """One network namespace."""

    links: dict[str, Link] = field(default_factory=dict[str, Link])
    things: dict[tuple[object, ...], Thing] = field(default_factory=dict[tuple[object, ...], Thing])


class FakeKernel:
    """A host. Its parts are the fake itself, seen through the port's protocols."""

    def __init__(self) -> None:
        self.spaces: dict[str, Space] = {"": Space()}
        self.settings: dict[str, str] = {"net/ipv4/ip_forward": "0", "net/ipv6/conf/all/forwarding": "0"}
        self.table: Optional[list[dict[str, object]]] = None
        self.kept: dict[str, dict[str, str]] = {}
        self._next = 1
        self.add_link("lo", up=True)
        self.net = FakeNet(self)
        self.netns = FakeNamespaces(self)
        self.sysctl = FakeSysctls(self)
        self.nft = FakeNft(self)
        self.originals = FakeOriginals(self)
        self.bpf: Bpf = FakeBpf(lambda: {name: link.index for name, link in self.spaces[""].links.items()})

    def add_link(self, name: str, netns: str = "", **given: object) -> None:
        """A device that somebody else made."""
        index = self._next
        self._next += 1
        mac = "02:00:00:00:00:01"
        made = Link(name, index, "", up=False, mtu=1500, mac=mac, accept_ra=1, ipv6=True, link_local=True)
        self.spaces[netns].links[name] = replace(made, **given)  # type: ignore[arg-type]

    def add_netns(self, name: str) -> None:
        """A namespace that somebody else made."""
        self.spaces[name] = Space()
        self.add_link("lo", name)

    def index(self) -> int:
        """An index no device has had."""
        self._next += 1
        return self._next - 1

    def drop(self, netns: str, name: str) -> None:
        """A device goes, and all that rests on it."""
        space = self.spaces[netns]
        link = space.links.pop(name, None)
        if link is None:
            return
        space.things = {key: thing for key, thing in space.things.items() if _device(thing) != name}
        for other, there in self.spaces.items():
            for end in list(there.links.values()):
                if link.peer_index and end.index == link.peer_index and end.peer_index == link.index:
                    self.drop(other, end.name)

    def forwards(self, family: str) -> None:
        """Forwarding was switched on: what was learned from routers is forgotten, or not."""
        if family == "ipv6":
            space = self.spaces[""]
            deaf = {name for name, link in space.links.items() if link.accept_ra != 2}
            space.things = {
                key: thing
                for key, thing in space.things.items()
                if not (isinstance(thing, Route) and thing.protocol == RA and thing.device in deaf)
            }


class FakeNet:
    """Devices, and what is configured on them."""

    def __init__(self, kernel: FakeKernel) -> None:
        self._kernel = kernel

    def links(self, netns: str = "") -> list[Link]:
        return list(self._space(netns).links.values())

    def addresses(self, netns: str = "") -> list[Address]:
        return [thing for thing in self._space(netns).things.values() if isinstance(thing, Address)]

    def neighbours(self, netns: str = "") -> list[Neighbour]:
        return [thing for thing in self._space(netns).things.values() if isinstance(thing, Neighbour)]

    def routes(self, netns: str = "", within: Optional[Sequence[str]] = None) -> list[Route]:
        routes = [thing for thing in self._space(netns).things.values() if isinstance(thing, Route)]
        if within is None:
            return routes
        return [route for route in routes if route.protocol == PROTOCOL or _lies_within(route.destination, within)]

    def rules(self) -> list[Rule]:
        return [thing for thing in self._space("").things.values() if isinstance(thing, Rule)]

    def route_to(self, address: str) -> Optional[Route]:
        fitting = [route for route in self.routes() if _lies_within(f"{address}", [route.destination])]
        return max(fitting, key=lambda route: ip_network(route.destination).prefixlen, default=None)

    def create(self, device: Union[Veth, Vxlan]) -> None:
        space = self._space("")
        if device.name in space.links:
            raise HostError.of(f"device {device.name}: File exists")
        if any(device.mark in link.marks for link in space.links.values()):
            raise HostError.of(f"mark {device.mark} of device {device.name}: File exists")
        own = Link(
            device.name, self._kernel.index(), "vxlan", up=False, mtu=device.mtu, mac=device.mac, marks=(device.mark,),
            accept_ra=1, ipv6=True, link_local=True,
        )  # fmt: skip
        if isinstance(device, Vxlan):
            space.links[device.name] = replace(own, port=device.port, external=True)
            return
        there = self._space(device.netns)
        if device.peer in there.links:
            raise HostError.of(f"device {device.name}: File exists")
        other = replace(own, name=device.peer, index=self._kernel.index(), type="veth", mac=device.peer_mac)
        there.links[device.peer] = replace(other, peer_index=own.index)
        space.links[device.name] = replace(own, type="veth", peer_index=other.index, peer_netns=device.netns)

    def configure(self, name: str, settings: Settings, netns: str = "") -> None:
        space = self._space(netns)
        if name not in space.links:
            raise HostError.of(f"device {name}: No such device")
        link = space.links[name]
        given = {key: value for key, value in vars(settings).items() if value is not None and key != "mark"}
        new = settings.mark is not None and settings.mark not in link.marks
        marks = (*link.marks, settings.mark or "") if new else link.marks
        space.links[name] = replace(link, marks=marks, **given)
        if settings.mac not in (None, link.mac):
            space.things = {
                key: thing
                for key, thing in space.things.items()
                if not (isinstance(thing, Neighbour) and thing.device == name)
            }
        if settings.up is False:
            space.things = {key: thing for key, thing in space.things.items() if not _lost_when_down(thing, name)}

    def delete(self, name: str) -> None:
        self._kernel.drop("", name)

    def put(self, things: Sequence[Thing]) -> None:
        for thing in things:
            space = self._space(_netns(thing))
            link = space.links.get(_device(thing))
            if link is None and _device(thing):
                raise HostError.of(f"{thing}: there is no device {_device(thing)}")
            if isinstance(thing, Route):
                self._check(thing, link)
            space.things[_key(thing)] = thing

    def _check(self, route: Route, link: Optional[Link]) -> None:
        if link is not None and not link.up:
            raise HostError.of(f"route {route.destination}: Network is down")
        sources = {address.address for address in self.addresses(route.netns)}
        if route.source and route.source not in sources:
            raise HostError.of(f"route {route.destination}: Invalid argument (Invalid prefsrc address)")

    def remove(self, things: Sequence[Thing]) -> None:
        for thing in things:
            space = self._kernel.spaces.get(_netns(thing))
            if space is not None and space.things.pop(_key(thing), None) is not None and isinstance(thing, Address):
                last = not any(_is_ipv4_of(other, thing.device) for other in space.things.values())
                space.things = {key: other for key, other in space.things.items() if not _goes_with(other, thing, last)}

    def _space(self, netns: str) -> Space:
        if netns not in self._kernel.spaces:
            raise HostError.of(f"network namespace {netns}: No such file or directory")
        return self._kernel.spaces[netns]


class FakeNamespaces:
    """Named network namespaces."""

    def __init__(self, kernel: FakeKernel) -> None:
        self._kernel = kernel

    def names(self) -> list[str]:
        return sorted(name for name in self._kernel.spaces if name)

    def owned(self) -> list[str]:
        spaces = self._kernel.spaces
        return [name for name in self.names() if any(OWNER in link.marks for link in spaces[name].links.values())]

    def create(self, name: str) -> None:
        if name not in self._kernel.spaces:
            self._kernel.add_netns(name)
            lo = self._kernel.spaces[name].links["lo"]
            self._kernel.spaces[name].links["lo"] = replace(lo, marks=(OWNER,))

    def delete(self, name: str) -> None:
        if name in self._kernel.spaces:
            for link in list(self._kernel.spaces[name].links):
                self._kernel.drop(name, link)
            del self._kernel.spaces[name]


class FakeSysctls:
    """Values below /proc/sys: those of devices are the devices' own."""

    def __init__(self, kernel: FakeKernel) -> None:
        self._kernel = kernel

    def read(self, name: str, netns: str = "") -> Optional[str]:
        if name in self._kernel.settings:
            return self._kernel.settings[name]
        family, device, field_ = _conf(name)
        link = self._kernel.spaces[netns].links.get(device)
        return None if link is None else str(int(getattr(link, _FIELDS.get((family, field_), field_))))

    def write(self, name: str, value: str, netns: str = "") -> None:
        kernel = self._kernel
        if name in kernel.settings:
            family = name.split("/")[1]
            if kernel.settings[name] != value:
                kernel.settings[name] = value
                links, change = kernel.spaces[netns].links, {f"forwarding_{family}": value == "1"}
                links.update({key: replace(link, **change) for key, link in links.items()})  # type: ignore[arg-type]
                if value == "1":
                    kernel.forwards(family)
            return
        family, device, field_ = _conf(name)
        links = kernel.spaces[netns].links
        typed = bool(int(value)) if field_ == "forwarding" else int(value)
        links[device] = replace(links[device], **{_FIELDS.get((family, field_), field_): typed})  # type: ignore[arg-type]


_FIELDS = {("ipv4", "forwarding"): "forwarding_ipv4", ("ipv6", "forwarding"): "forwarding_ipv6"}


def _conf(name: str) -> tuple[str, str, str]:
    _, family, _, device, field_ = name.split("/")
    return family, device, field_


class FakeNft:
    """The table `inet netctl`: what was put is what is read."""

    def __init__(self, kernel: FakeKernel) -> None:
        self._kernel = kernel

    def read(self) -> Optional[list[dict[str, object]]]:
        return self._kernel.table

    def run(self, commands: Sequence[Mapping[str, object]]) -> None:
        for command in commands:
            ((verb, item),) = command.items()
            objects = [] if self._kernel.table is None else self._kernel.table
            gone = verb == "delete"
            self._kernel.table = None if gone else [*objects, cast("dict[str, object]", item)]


class FakeOriginals:
    """What was overwritten."""

    def __init__(self, kernel: FakeKernel) -> None:
        self._kernel = kernel

    def remember(self, section: str, values: Mapping[str, str]) -> None:
        self._kernel.kept[section] = {**values, **self._kernel.kept.get(section, {})}

    def recall(self, section: str) -> Mapping[str, str]:
        return self._kernel.kept.get(section, {})

    def forget(self) -> None:
        self._kernel.kept.clear()


def _netns(thing: Thing) -> str:
    return "" if isinstance(thing, Rule) else thing.netns


def _device(thing: Thing) -> str:
    return "" if isinstance(thing, Rule) else thing.device


def _key(thing: Thing) -> tuple[object, ...]:
    if isinstance(thing, Address):
        return "address", thing.device, thing.address, thing.length
    if isinstance(thing, Neighbour):
        return "neighbour", thing.device, thing.address
    if isinstance(thing, Route):
        return "route", thing.table, thing.destination, thing.metric
    return "rule", replace(thing, protocol=0)


def _lost_when_down(thing: Thing, device: str) -> bool:
    if _device(thing) != device:
        return False
    return not isinstance(thing, Address) or ":" in thing.address


def _is_ipv4_of(thing: Thing, device: str) -> bool:
    return isinstance(thing, Address) and thing.device == device and ":" not in thing.address


def _goes_with(thing: Thing, address: Address, last: bool) -> bool:
    if ":" in address.address or isinstance(thing, (Address, Rule)):
        return False
    if isinstance(thing, Neighbour):
        return last and thing.device == address.device and ":" not in thing.address
    return ":" not in thing.destination and (
        thing.source == address.address or (last and thing.device == address.device)
    )


def _lies_within(destination: str, networks: Sequence[str]) -> bool:
    inner = ip_network(destination)
    return any(
        inner.version == outer.version and inner.subnet_of(outer)  # type: ignore[arg-type]
        for outer in map(ip_network, networks)
    )
