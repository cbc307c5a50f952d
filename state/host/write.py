"""HOST: the port's records as rtnetlink requests. Each adds or replaces, or removes; what is so already is no error."""

from __future__ import annotations

import errno
import struct
from _socket import AF_INET, AF_INET6, inet_pton
from collections.abc import Mapping
from typing import Union

from state.host.netlink import (
    NLM_F_CREATE,
    NLM_F_EXCL,
    NLM_F_REPLACE,
    Request,
    attribute,
    nested,
    number,
    text,
)
from state.host.read import ACTIONS, ADDRESS, LINK, NEIGHBOUR, ROUTE, TYPES
from state.kernel import Address, Neighbour, Route, Rule, Settings, Thing, Veth, Vxlan

_NEWLINK, _DELLINK, _SETLINK, _NEWADDR, _DELADDR = 16, 17, 19, 20, 21
_NEWROUTE, _DELROUTE, _NEWNEIGH, _DELNEIGH, _NEWRULE, _DELRULE, _NEWLINKPROP = 24, 25, 28, 29, 32, 33, 108

_ADD = NLM_F_CREATE | NLM_F_REPLACE
_NEW = NLM_F_CREATE | NLM_F_EXCL
_GONE = (errno.ESRCH, errno.ENOENT, errno.ENODEV, errno.EADDRNOTAVAIL)
_RP_FILTER = 8
_NODAD = 0x02
_ONLINK = 4
_PERMANENT = 0x80
_NOWHERE, _LINK_SCOPE = 255, 253
_TYPES = {name: value for value, name in TYPES.items()}
_ACTIONS = {name: value for value, name in ACTIONS.items()}


def family_of(address: str) -> int:
    """AF_INET or AF_INET6."""
    return AF_INET6 if ":" in address else AF_INET


def packed(address: str) -> bytes:
    """The address as bytes."""
    return inet_pton(family_of(address), address)


def hardware(mac: str) -> bytes:
    """The hardware address as bytes."""
    return bytes.fromhex(mac.replace(":", ""))


def create(device: Union[Veth, Vxlan], netns: int) -> list[Request]:
    """A device and its mark: one system call. `netns` is the open namespace that a veth's other end goes to."""
    kind = _veth(device, netns) if isinstance(device, Veth) else _vxlan(device)
    body = _link_body() + text(3, device.name) + attribute(1, hardware(device.mac)) + number(4, device.mtu) + kind
    what = f"device {device.name}"
    return [Request(_NEWLINK, _NEW, body, what), mark(device.name, device.mark)]


def _veth(device: Veth, netns: int) -> bytes:
    peer = _link_body() + text(3, device.peer) + attribute(1, hardware(device.peer_mac))
    peer += number(4, device.mtu) + number(28, netns)
    return nested(18, text(1, "veth"), nested(2, attribute(1, peer)))


def _vxlan(device: Vxlan) -> bytes:
    port = attribute(15, struct.pack("!H", device.port))
    return nested(18, text(1, "vxlan"), nested(2, port, attribute(7, b"\0"), attribute(25, b"\1")))


def mark(name: str, alternative: str) -> Request:
    """An alternative name for a device."""
    body = _link_body() + text(3, name) + nested(52, text(53, alternative))
    return Request(_NEWLINKPROP, _NEW, body, f"mark {alternative} of device {name}")


def delete_link(name: str) -> Request:
    """The end of a device."""
    return Request(_DELLINK, 0, _link_body() + text(3, name), f"device {name}", _GONE)


def settings(name: str, wanted: Settings, ipv6: bool) -> list[Request]:
    """What of `wanted` netlink can say; up or down comes last, IPv6 only where there is any."""
    what = f"device {name}"
    parts: list[bytes] = []
    if wanted.mtu is not None:
        parts.append(number(4, wanted.mtu))
    if wanted.mac is not None:
        parts.append(attribute(1, hardware(wanted.mac)))
    if wanted.rp_filter is not None:
        parts.append(nested(26, nested(AF_INET, nested(1, number(_RP_FILTER, wanted.rp_filter)))))
    if wanted.link_local is not None and ipv6:
        mode = b"\0" if wanted.link_local else b"\1"
        parts.append(nested(26, nested(AF_INET6, attribute(8, mode))))
    requests = [Request(_SETLINK, 0, _link_body() + text(3, name) + part, what) for part in parts]
    if wanted.mark is not None:
        requests.append(mark(name, wanted.mark))
    if wanted.up is not None:
        requests.append(Request(_SETLINK, 0, _link_body(int(wanted.up), 1) + text(3, name), what))
    return requests


def _link_body(flags: int = 0, change: int = 0) -> bytes:
    return LINK.pack(0, 0, 0, flags, change)


def put(thing: Thing, devices: Mapping[str, int]) -> Request:
    """The request that adds or replaces. Raises KeyError for a device that is not there."""
    if isinstance(thing, Address):
        return Request(_NEWADDR, _ADD, _address(thing, devices), describe(thing))
    if isinstance(thing, Neighbour):
        return Request(_NEWNEIGH, _ADD, _neighbour(thing, devices), describe(thing))
    if isinstance(thing, Route):
        scope = _LINK_SCOPE if _is_ipv4(thing) and thing.device and not thing.gateway else 0
        return Request(_NEWROUTE, _ADD, _route(thing, devices, scope), describe(thing))
    return Request(_NEWRULE, _NEW, _rule(thing), describe(thing), (errno.EEXIST,))


def remove(thing: Thing, devices: Mapping[str, int]) -> Request:
    """The request that removes. Raises KeyError for a device that is not there."""
    if isinstance(thing, Address):
        return Request(_DELADDR, 0, _address(thing, devices), describe(thing), _GONE)
    if isinstance(thing, Neighbour):
        return Request(_DELNEIGH, 0, _neighbour(thing, devices), describe(thing), _GONE)
    if isinstance(thing, Route):
        scope = _NOWHERE if _is_ipv4(thing) else 0
        return Request(_DELROUTE, 0, _route(thing, devices, scope), describe(thing), _GONE)
    return Request(_DELRULE, 0, _rule(thing), describe(thing), _GONE)


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


def _is_ipv4(thing: Route) -> bool:
    return ":" not in thing.destination


def _address(thing: Address, devices: Mapping[str, int]) -> bytes:
    raw = packed(thing.address)
    family = family_of(thing.address)
    body = ADDRESS.pack(family, thing.length, 0, 0, devices[thing.device]) + attribute(2, raw) + attribute(1, raw)
    flags = number(8, _NODAD) if family == AF_INET6 else b""
    return body + flags + attribute(11, bytes([thing.protocol]))


def _neighbour(thing: Neighbour, devices: Mapping[str, int]) -> bytes:
    state = _PERMANENT if thing.permanent else 0
    body = NEIGHBOUR.pack(family_of(thing.address), devices[thing.device], state, 0, 0)
    body += attribute(1, packed(thing.address)) + attribute(2, hardware(thing.mac))
    return body + attribute(12, bytes([thing.protocol]))


def _route(thing: Route, devices: Mapping[str, int], scope: int) -> bytes:
    address, _, length = thing.destination.partition("/")
    family, flags = family_of(address), _ONLINK if thing.onlink else 0
    body = ROUTE.pack(family, int(length), 0, 0, 0, thing.protocol, scope, _TYPES[thing.type], flags)
    body += number(15, thing.table)
    if int(length):
        body += attribute(1, packed(address))
    if thing.device:
        body += number(4, devices[thing.device])
    if thing.gateway:
        body += attribute(5, packed(thing.gateway))
    if thing.source:
        body += attribute(7, packed(thing.source))
    if thing.metric:
        body += number(6, thing.metric)
    return body + (nested(8, number(2, thing.mtu)) if thing.mtu else b"")


def _rule(thing: Rule) -> bytes:
    family = AF_INET if thing.family == 4 else AF_INET6
    to_length, from_length = (int(item.partition("/")[2] or 0) for item in (thing.destination, thing.source))
    body = ROUTE.pack(family, to_length, from_length, 0, 0, 0, 0, _ACTIONS[thing.action], 0)
    body += number(6, thing.priority) + attribute(21, bytes([thing.protocol]))
    for kind, item in ((1, thing.destination), (2, thing.source)):
        if item:
            body += attribute(kind, packed(item.partition("/")[0]))
    for kind, name in ((3, thing.incoming), (17, thing.outgoing)):
        if name:
            body += text(kind, name)
    if thing.mark:
        body += number(10, thing.mark) + number(16, thing.mask)
    return body + (number(15, thing.table) if thing.table else b"")
