"""HOST: the port's records as requests. Each adds or replaces, or removes; what is so already is no error."""

from __future__ import annotations

import errno
from _socket import AF_INET, AF_INET6
from collections.abc import Mapping
from typing import Any, Union

from state.host.read import ACTIONS, TYPES, family_of
from state.host.request import Request, nested
from state.kernel import Address, Neighbour, Route, Rule, Settings, Thing, Veth, Vxlan

_GONE = (errno.ESRCH, errno.ENOENT, errno.ENODEV, errno.EADDRNOTAVAIL)
_NODAD = 0x02
_ONLINK = 4
_PERMANENT = 0x80
_NOWHERE, _LINK_SCOPE = 255, 253
_UP = 1
_TYPES = {name: value for value, name in TYPES.items()}
_ACTIONS = {name: value for value, name in ACTIONS.items()}

Attributes = list[tuple[str, Any]]


def create(device: Union[Veth, Vxlan], netns: int) -> list[Request]:
    """A device and its mark. `netns` is the open namespace that a veth's other end goes to."""
    info = _veth(device, netns) if isinstance(device, Veth) else _vxlan(device)
    about: Attributes = [*_named(device.name, device.mac, device.mtu), ("IFLA_LINKINFO", info)]
    return [Request("link", "add", {}, about, f"device {device.name}"), mark(device.name, device.mark)]


def _named(name: str, mac: str, mtu: int) -> Attributes:
    return [("IFLA_IFNAME", name), ("IFLA_ADDRESS", mac), ("IFLA_MTU", mtu)]


def _veth(device: Veth, netns: int) -> Any:
    peer = [*_named(device.peer, device.peer_mac, device.mtu), ("IFLA_NET_NS_FD", netns)]
    return nested(("IFLA_INFO_KIND", "veth"), ("IFLA_INFO_DATA", nested(("VETH_INFO_PEER", nested(*peer)))))


def _vxlan(device: Vxlan) -> Any:
    port = ("IFLA_VXLAN_PORT", device.port)
    data = nested(port, ("IFLA_VXLAN_LEARNING", 0), ("IFLA_VXLAN_COLLECT_METADATA", 1))
    return nested(("IFLA_INFO_KIND", "vxlan"), ("IFLA_INFO_DATA", data))


def mark(name: str, alternative: str) -> Request:
    """An alternative name for a device."""
    about: Attributes = [("IFLA_IFNAME", name), ("IFLA_PROP_LIST", nested(("IFLA_ALT_IFNAME", alternative)))]
    return Request("linkprop", "add", {}, about, f"mark {alternative} of device {name}")


def delete_link(name: str) -> Request:
    """The end of a device."""
    return Request("link", "del", {}, [("IFLA_IFNAME", name)], f"device {name}", _GONE)


def settings(name: str, wanted: Settings, ipv6: bool) -> list[Request]:
    """What of `wanted` is said here; up or down comes last, IPv6 only where there is any."""
    about: Attributes = []
    if wanted.mtu is not None:
        about.append(("IFLA_MTU", wanted.mtu))
    if wanted.mac is not None:
        about.append(("IFLA_ADDRESS", wanted.mac))
    if wanted.link_local is not None and ipv6:
        mode = nested(("IFLA_INET6_ADDR_GEN_MODE", 0 if wanted.link_local else 1))
        about.append(("IFLA_AF_SPEC", nested(("AF_INET6", mode))))
    requests = [_set(name, {}, item) for item in about]
    if wanted.mark is not None:
        requests.append(mark(name, wanted.mark))
    if wanted.up is not None:
        requests.append(_set(name, {"flags": _UP if wanted.up else 0, "change": _UP}))
    return requests


def _set(name: str, fields: Mapping[str, int], *about: tuple[str, Any]) -> Request:
    return Request("link", "set", fields, [("IFLA_IFNAME", name), *about], f"device {name}")


def put(thing: Thing, devices: Mapping[str, int]) -> Request:
    """The request that adds or replaces. Raises KeyError for a device that is not there."""
    if isinstance(thing, Rule):
        return _rule(thing, "add", (errno.EEXIST,))
    return _request(thing, "replace", devices, ())


def remove(thing: Thing, devices: Mapping[str, int]) -> Request:
    """The request that removes. Raises KeyError for a device that is not there."""
    if isinstance(thing, Rule):
        return _rule(thing, "del", _GONE)
    return _request(thing, "del", devices, _GONE)


def _request(
    thing: Union[Address, Neighbour, Route], command: str, devices: Mapping[str, int], tolerate: tuple[int, ...]
) -> Request:
    if isinstance(thing, Address):
        return _address(thing, command, devices, tolerate)
    if isinstance(thing, Neighbour):
        return _neighbour(thing, command, devices, tolerate)
    return _route(thing, command, devices, tolerate)


def describe(thing: Thing) -> str:
    """The object in an error message."""
    where = "" if isinstance(thing, Rule) or not thing.netns else f" in netns {thing.netns}"
    if isinstance(thing, Address):
        return f"address {thing.address}/{thing.length} on {thing.device}{where}"
    if isinstance(thing, Neighbour):
        return f"neighbour {thing.address} on {thing.device}{where}"
    if isinstance(thing, Route):
        return f"route {thing.destination}{where}"
    return f"rule {thing.priority}"


def _address(thing: Address, command: str, devices: Mapping[str, int], tolerate: tuple[int, ...]) -> Request:
    family = family_of(thing.address)
    fields = {"family": family, "prefixlen": thing.length, "index": devices[thing.device]}
    about: Attributes = [("IFA_LOCAL", thing.address), ("IFA_ADDRESS", thing.address), ("IFA_PROTO", thing.protocol)]
    if family == AF_INET6:
        about.append(("IFA_FLAGS", _NODAD))
    return Request("addr", command, fields, about, describe(thing), tolerate)


def _neighbour(thing: Neighbour, command: str, devices: Mapping[str, int], tolerate: tuple[int, ...]) -> Request:
    state = _PERMANENT if thing.permanent else 0
    fields = {"family": family_of(thing.address), "ifindex": devices[thing.device], "state": state}
    about: Attributes = [("NDA_DST", thing.address), ("NDA_PROTOCOL", thing.protocol)]
    if thing.mac:
        about.append(("NDA_LLADDR", thing.mac))
    return Request("neigh", command, fields, about, describe(thing), tolerate)


def _route(thing: Route, command: str, devices: Mapping[str, int], tolerate: tuple[int, ...]) -> Request:
    address, _, length = thing.destination.partition("/")
    fields = {
        "family": family_of(address),
        "dst_len": int(length),
        "proto": thing.protocol,
        "scope": _scope(thing, command),
        "type": _TYPES[thing.type],
        "flags": _ONLINK if thing.onlink else 0,
    }
    written = {
        "RTA_DST": address if int(length) else "",
        "RTA_OIF": devices[thing.device],
        "RTA_GATEWAY": thing.gateway,
        "RTA_PREFSRC": thing.source,
        "RTA_PRIORITY": thing.metric,
        "RTA_METRICS": nested(("RTAX_MTU", thing.mtu)) if thing.mtu else None,
    }
    about: Attributes = [("RTA_TABLE", thing.table), *((name, value) for name, value in written.items() if value)]
    return Request("route", command, fields, about, describe(thing), tolerate)


def _scope(thing: Route, command: str) -> int:
    """IPv4's alone: how far away the destination is; of a route to be removed, whichever it has."""
    if ":" in thing.destination:
        return 0
    if command == "del":
        return _NOWHERE
    return _LINK_SCOPE if thing.device and not thing.gateway else 0


def _rule(thing: Rule, command: str, tolerate: tuple[int, ...]) -> Request:
    source, _, source_length = thing.source.partition("/")
    destination, _, length = thing.destination.partition("/")
    fields = {
        "family": AF_INET if thing.family == 4 else AF_INET6,
        "dst_len": int(length or 0),
        "src_len": int(source_length or 0),
        "action": _ACTIONS[thing.action],
    }
    written = {
        "FRA_DST": destination,
        "FRA_SRC": source,
        "FRA_IIFNAME": thing.incoming,
        "FRA_OIFNAME": thing.outgoing,
        "FRA_FWMARK": thing.mark,
        "FRA_TABLE": thing.table,
    }
    about: Attributes = [("FRA_PRIORITY", thing.priority), ("FRA_PROTOCOL", thing.protocol)]
    about += [(name, value) for name, value in written.items() if value]
    if thing.mark:
        about.append(("FRA_FWMASK", thing.mask))
    return Request("rule", command, fields, about, describe(thing), tolerate)
