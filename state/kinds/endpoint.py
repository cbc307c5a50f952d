"""BOTH SIDES: what the datapath knows of each endpoint of this host: device, addresses, connection table."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from ipaddress import IPv4Address, IPv6Address
from typing import Optional

from bpf import layout
from state import naming
from state.change import Change, Found, Wanted
from state.cluster import Cluster, Endpoint
from state.facts import Facts, Scope
from state.kernel import Kernel
from state.kinds.kind import Kind
from state.placement import placed
from state.policy.remember import OncePerCluster

ENDPOINTS, DEVICES = "endpoints", "devices"
STRAY = "stray"
AUDITED = int(layout.EndpointFlags.ENDPOINT_AUDITED)


@dataclass(frozen=True)
class Entry:
    """What stands in the maps for an endpoint. `found`: its device leads to it; `connections`: it has its own table.

    `flags` are as the datapath defines them: 1 for a device in the same namespace. `audit`, one of them there, stands
    alone here: what the endpoint's policies deny is let through and told.
    """

    device: str
    mac: str
    host_mac: str
    ipv4: Optional[IPv4Address]
    ipv6: Optional[IPv6Address]
    flags: int = 0
    found: bool = True
    connections: bool = True
    audit: bool = False


class Endpoints(Kind[Entry]):
    """Map entries of this host's endpoints, by endpoint id; entries that lead nowhere are `stray/...`."""

    name = "endpoint"
    value = Entry

    def desired(self, cluster: Cluster, host: str, facts: Facts) -> Mapping[str, Wanted[Entry]]:
        """One for each endpoint that is not pending."""
        return {
            str(endpoint.id): Wanted(_entry(endpoint), endpoint.source) for endpoint in placed(cluster, host, facts)
        }

    def observe(self, kernel: Kernel, scope: Scope) -> Mapping[str, Found[Entry]]:
        """Every entry, and what leads nowhere."""
        names = {index: name for name, index in kernel.bpf.devices().items()}
        known = {_number(key): layout.Endpoint.unpack(raw) for key, raw in kernel.bpf.entries(ENDPOINTS).items()}
        leads = {_number(key): _number(raw) for key, raw in kernel.bpf.entries(DEVICES).items()}
        tables = kernel.bpf.connection_tables()
        found = {
            str(number): _decoded(raw, names, leads.get(raw.ifindex) == number, number in tables)
            for number, raw in known.items()
        }
        for index, number in leads.items():
            if number not in known or known[number].ifindex != index:
                found[f"{STRAY}/device/{index}"] = _nobody(names.get(index, f"gone ({index})"), False)
        for number in tables - known.keys():
            found[f"{STRAY}/connections/{number}"] = _nobody("", True)
        return {address: Found(entry) for address, entry in found.items()}

    def apply(self, kernel: Kernel, changes: Sequence[Change]) -> None:
        """Write or remove entries: an endpoint's own before what leads to it, and the other way round."""
        indexes = kernel.bpf.devices()
        for change in changes:
            if change.address.startswith(f"{STRAY}/"):
                _remove_stray(kernel, change.address)
            elif isinstance(change.after, Entry):
                _write(kernel, int(change.address), change.after, indexes.get(change.after.device, 0))
            else:
                _remove(kernel, int(change.address))

    def describe(self, address: str, cluster: Cluster) -> str:
        """The number with the name of the endpoint; alone where several hosts have an endpoint of that number."""
        names = _names(cluster).get(address, ())
        return f"{address} {names[0]}" if len(names) == 1 else address

    def meanwhile(self, change: Change, after: Entry) -> Entry:
        """It is audited from before the policies change until after: what both states let through is never dropped."""
        before = change.before
        if not isinstance(before, Entry) or before.device != after.device:
            return after
        return replace(after, audit=before.audit or after.audit)

    def rests_on(self, address: str, value: Entry) -> tuple[tuple[str, str], ...]:
        """The device: its successor has another index."""
        return (("device", value.device),) if value.device else ()


def _by_number(cluster: Cluster) -> Mapping[str, Sequence[str]]:
    found: dict[str, list[str]] = {}
    for key, endpoint in cluster.endpoints.items():
        found.setdefault(str(endpoint.id), []).append(key)
    return found


_names = OncePerCluster(_by_number)


def _entry(endpoint: Endpoint) -> Entry:
    return Entry(
        naming.device(endpoint),
        naming.mac(endpoint),
        naming.HOST_MAC,
        endpoint.ipv4,
        endpoint.ipv6,
        audit=endpoint.audit,
    )


def _nobody(device: str, connections: bool) -> Entry:
    return Entry(device, "", "", None, None, found=False, connections=connections)


def _decoded(raw: layout.Endpoint, names: Mapping[int, str], found: bool, connections: bool) -> Entry:
    return Entry(
        names.get(raw.ifindex, f"gone ({raw.ifindex})"),
        naming.colons(raw.mac),
        naming.colons(raw.host_mac),
        IPv4Address(raw.ipv4) if any(raw.ipv4) else None,
        IPv6Address(raw.ipv6) if any(raw.ipv6) else None,
        raw.flags & ~AUDITED,
        found,
        connections,
        bool(raw.flags & AUDITED),
    )


def _write(kernel: Kernel, number: int, wanted: Entry, index: int) -> None:
    raw = layout.Endpoint(
        ifindex=index,
        flags=wanted.flags | (AUDITED if wanted.audit else 0),
        mac=_octets(wanted.mac),
        host_mac=_octets(wanted.host_mac),
        ipv4=bytes(4) if wanted.ipv4 is None else wanted.ipv4.packed,
        ipv6=bytes(16) if wanted.ipv6 is None else wanted.ipv6.packed,
    )
    kernel.bpf.create_connection_table(number)
    kernel.bpf.update(ENDPOINTS, {_key(number): raw.pack()})
    kernel.bpf.update(DEVICES, {_key(index): _key(number)})
    kernel.bpf.delete(DEVICES, _leading_to(kernel, number, index))


def _remove(kernel: Kernel, number: int) -> None:
    kernel.bpf.delete(DEVICES, _leading_to(kernel, number, 0))
    kernel.bpf.delete(ENDPOINTS, (_key(number),))
    kernel.bpf.delete_connection_table(number)


def _leading_to(kernel: Kernel, number: int, but: int) -> tuple[bytes, ...]:
    """The devices that lead to an endpoint, but for one."""
    entries = kernel.bpf.entries(DEVICES)
    return tuple(key for key, raw in entries.items() if _number(raw) == number and _number(key) != but)


def _remove_stray(kernel: Kernel, address: str) -> None:
    _, what, number = address.split("/")
    if what == "device":
        kernel.bpf.delete(DEVICES, (_key(int(number)),))
    else:
        kernel.bpf.delete_connection_table(int(number))


def _octets(mac: str) -> bytes:
    return bytes.fromhex(mac.replace(":", ""))


def _key(number: int) -> bytes:
    return struct.pack("<I", number)


def _number(raw: bytes) -> int:
    return int.from_bytes(raw, "little")
