"""BOTH SIDES: what the maps of the datapath hold, as frozen values that pack to the very bytes.

Generated from the BTF of the compiled objects by `python -m bpf.gen_layout`: change bpf/types.h and bpf/maps.h instead.
Addresses and other big-endian fields are bytes in network order; everything else is little-endian.
Named tuples, because an agent's start makes these classes, and twenty dataclasses cost it 15 ms.
"""

from __future__ import annotations

import enum
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple, Optional

LAYOUT = "5af87d796cbf"
"""The digest of all below: part of the pin path."""


@dataclass(frozen=True)
class MapLayout:
    """A map as the datapath defines it. The types are named as in C; `inner` is what an array of maps holds."""

    name: str
    type: str
    key: int
    value: int
    max_entries: int
    flags: int
    key_type: str = ""
    value_type: str = ""
    inner: Optional[MapLayout] = None


class BlockFlags(enum.IntEnum):
    """enum block_flags."""

    BLOCK_ENDPOINTS = 1


class Direction(enum.IntEnum):
    """enum direction."""

    DIRECTION_EGRESS = 0
    DIRECTION_INGRESS = 1
    DIRECTIONS = 2


class EndpointFlags(enum.IntEnum):
    """enum endpoint_flags."""

    ENDPOINT_SAME_NETNS = 1
    ENDPOINT_AUDITED = 2


class EventType(enum.IntEnum):
    """enum event_type."""

    EVENT_DROP = 1
    EVENT_VERDICT = 2
    EVENT_TRACE = 3
    EVENT_AUDIT = 4


class Identity(enum.IntEnum):
    """enum identity."""

    IDENTITY_ANY = 0
    IDENTITY_HOST = 1
    IDENTITY_WORLD = 2
    IDENTITY_REMOTE_NODE = 6
    IDENTITY_WORLD_IPV4 = 9
    IDENTITY_WORLD_IPV6 = 10
    IDENTITY_FIRST = 256


class JudgedFlags(enum.IntEnum):
    """enum judged_flags."""

    JUDGED_ALLOW = 1
    JUDGED_OWN = 2
    JUDGED_DIRECT = 4
    JUDGED_INITIATOR_AUDITED = 8
    JUDGED_RESPONDER_AUDITED = 16


class Mode(enum.IntEnum):
    """enum mode."""

    MODE_OVERLAY = 0
    MODE_NATIVE = 1


class Outcome(enum.IntEnum):
    """enum outcome."""

    OUTCOME_NONE = 0
    OUTCOME_ALLOW = 1
    OUTCOME_DENY = 2


class Point(enum.IntEnum):
    """enum point."""

    POINT_FROM_ENDPOINT = 1
    POINT_TO_ENDPOINT = 2
    POINT_FROM_OVERLAY = 3
    POINT_TO_OVERLAY = 4
    POINT_FROM_UPLINK = 5
    POINT_TO_UPLINK = 6


class PolicyFlags(enum.IntEnum):
    """enum policy_flags."""

    POLICY_BY_BLOCK = 1


class ProtocolRow(enum.IntEnum):
    """enum protocol_row."""

    ROW_TCP = 0
    ROW_UDP = 1
    ROW_SCTP = 2
    ROW_ICMP = 3
    ROW_ICMPV6 = 4
    ROWS = 5


class Reason(enum.IntEnum):
    """enum reason."""

    PASSED_ESTABLISHED = 0
    PASSED_NEW = 1
    PASSED_AGAIN = 2
    PASSED_RELATED = 3
    PASSED_NEIGHBOUR = 4
    PASSED_HOST = 5
    PASSED_OTHER = 6
    PASSED_AUDITED = 7
    DENIED_BY_RULE = 16
    DENIED_BY_DEFAULT = 17
    FORGED_ADDRESS = 20
    FORGED_MAC = 21
    FORGED_TUNNEL_SOURCE = 22
    FORGED_IDENTITY = 23
    FORGED_ENDPOINT = 24
    FORGED_HOST = 25
    UNKNOWN_DEVICE = 26
    UNKNOWN_SOURCE = 27
    NO_TUNNEL_KEY = 28
    NOT_FROM_HOST = 29
    TUNNEL_PORT = 30
    NO_SUCH_ENDPOINT = 32
    NOT_FOR_ENDPOINT = 33
    FOREIGN_NEIGHBOUR = 34
    VLAN_TAG = 35
    UNKNOWN_ETHERTYPE = 36
    UNKNOWN_PROTOCOL = 37
    UNKNOWN_EXTENSION = 38
    FAMILY_OFF = 39
    NOT_UNICAST = 40
    TRUNCATED = 41
    BAD_HEADER = 42
    FRAGMENT_SHORT = 43
    FRAGMENT_OVERLAP = 44
    FRAGMENT_UNKNOWN = 45
    UNRELATED_ERROR = 46
    TTL_EXCEEDED = 47
    NOT_MASQUERADED = 48
    NO_TABLES = 56
    NO_TUNNEL = 57
    NO_UPLINK = 58
    REASONS = 64


class TcpState(enum.IntEnum):
    """enum tcp_state."""

    STATE_ESTABLISHED = 1
    STATE_OWN_CLOSED = 2
    STATE_PEER_CLOSED = 4


_ADDRESS = struct.Struct("<16s")


class Address(NamedTuple):
    """struct address, 16 bytes."""

    octets: bytes

    def pack(self) -> bytes:
        """The bytes as they stand in a map."""
        return _ADDRESS.pack(self.octets)

    @classmethod
    def unpack(cls, data: bytes) -> Address:
        """The value that these bytes stand for."""
        values = _ADDRESS.unpack(data)
        return cls(values[0])


_BLOCK = struct.Struct("<II")


class Block(NamedTuple):
    """struct block, 8 bytes."""

    identity: int
    flags: int

    def pack(self) -> bytes:
        """The bytes as they stand in a map."""
        return _BLOCK.pack(self.identity, self.flags)

    @classmethod
    def unpack(cls, data: bytes) -> Block:
        """The value that these bytes stand for."""
        values = _BLOCK.unpack(data)
        return cls(values[0], values[1])


_BLOCK_KEY = struct.Struct("<I16s")


class BlockKey(NamedTuple):
    """struct block_key, 20 bytes."""

    prefixlen: int
    address: bytes

    def pack(self) -> bytes:
        """The bytes as they stand in a map."""
        return _BLOCK_KEY.pack(self.prefixlen, self.address)

    @classmethod
    def unpack(cls, data: bytes) -> BlockKey:
        """The value that these bytes stand for."""
        values = _BLOCK_KEY.unpack(data)
        return cls(values[0], values[1])


_CONNECTION = struct.Struct("<QIHHIIQHBBI")


class Connection(NamedTuple):
    """struct connection, 40 bytes."""

    judged: int
    identity: int
    host: int
    endpoint: int
    own_identity: int
    rule: int
    expires: int
    policy: int
    direction: int
    reason: int
    state: int

    def pack(self) -> bytes:
        """The bytes as they stand in a map."""
        return _CONNECTION.pack(
            self.judged,
            self.identity,
            self.host,
            self.endpoint,
            self.own_identity,
            self.rule,
            self.expires,
            self.policy,
            self.direction,
            self.reason,
            self.state,
        )

    @classmethod
    def unpack(cls, data: bytes) -> Connection:
        """The value that these bytes stand for."""
        values = _CONNECTION.unpack(data)
        return cls(
            values[0],
            values[1],
            values[2],
            values[3],
            values[4],
            values[5],
            values[6],
            values[7],
            values[8],
            values[9],
            values[10],
        )


_CONNECTION_KEY = struct.Struct("<16sHHB3x")


class ConnectionKey(NamedTuple):
    """struct connection_key, 24 bytes."""

    peer: Address
    own_port: int
    peer_port: int
    protocol: int

    def pack(self) -> bytes:
        """The bytes as they stand in a map."""
        return _CONNECTION_KEY.pack(self.peer.pack(), self.own_port, self.peer_port, self.protocol)

    @classmethod
    def unpack(cls, data: bytes) -> ConnectionKey:
        """The value that these bytes stand for."""
        values = _CONNECTION_KEY.unpack(data)
        return cls(Address.unpack(values[0]), values[1], values[2], values[3])


_COUNTER = struct.Struct("<QQ")


class Counter(NamedTuple):
    """struct counter, 16 bytes."""

    packets: int
    octets: int

    def pack(self) -> bytes:
        """The bytes as they stand in a map."""
        return _COUNTER.pack(self.packets, self.octets)

    @classmethod
    def unpack(cls, data: bytes) -> Counter:
        """The value that these bytes stand for."""
        values = _COUNTER.unpack(data)
        return cls(values[0], values[1])


_ENDPOINT = struct.Struct("<II6s6s4s16s")


class Endpoint(NamedTuple):
    """struct endpoint, 40 bytes."""

    ifindex: int
    flags: int
    mac: bytes
    host_mac: bytes
    ipv4: bytes
    ipv6: bytes

    def pack(self) -> bytes:
        """The bytes as they stand in a map."""
        return _ENDPOINT.pack(self.ifindex, self.flags, self.mac, self.host_mac, self.ipv4, self.ipv6)

    @classmethod
    def unpack(cls, data: bytes) -> Endpoint:
        """The value that these bytes stand for."""
        values = _ENDPOINT.unpack(data)
        return cls(values[0], values[1], values[2], values[3], values[4], values[5])


_EVENT = struct.Struct("<Q16s16sIIIIIHHHHBBBBB7x")


class Event(NamedTuple):
    """struct event, 80 bytes."""

    time: int
    source: Address
    destination: Address
    source_identity: int
    destination_identity: int
    rule: int
    epoch: int
    length: int
    source_port: int
    destination_port: int
    endpoint: int
    policy: int
    protocol: int
    type: int
    direction: int
    reason: int
    point: int

    def pack(self) -> bytes:
        """The bytes as they stand in a map."""
        return _EVENT.pack(
            self.time,
            self.source.pack(),
            self.destination.pack(),
            self.source_identity,
            self.destination_identity,
            self.rule,
            self.epoch,
            self.length,
            self.source_port,
            self.destination_port,
            self.endpoint,
            self.policy,
            self.protocol,
            self.type,
            self.direction,
            self.reason,
            self.point,
        )

    @classmethod
    def unpack(cls, data: bytes) -> Event:
        """The value that these bytes stand for."""
        values = _EVENT.unpack(data)
        return cls(
            values[0],
            Address.unpack(values[1]),
            Address.unpack(values[2]),
            values[3],
            values[4],
            values[5],
            values[6],
            values[7],
            values[8],
            values[9],
            values[10],
            values[11],
            values[12],
            values[13],
            values[14],
            values[15],
            values[16],
        )


_FRAGMENT = struct.Struct("<QHHHH")


class Fragment(NamedTuple):
    """struct fragment, 16 bytes."""

    expires: int
    source_port: int
    destination_port: int
    port: int
    length: int

    def pack(self) -> bytes:
        """The bytes as they stand in a map."""
        return _FRAGMENT.pack(self.expires, self.source_port, self.destination_port, self.port, self.length)

    @classmethod
    def unpack(cls, data: bytes) -> Fragment:
        """The value that these bytes stand for."""
        values = _FRAGMENT.unpack(data)
        return cls(values[0], values[1], values[2], values[3], values[4])


_FRAGMENT_KEY = struct.Struct("<16s16sIHB1x")


class FragmentKey(NamedTuple):
    """struct fragment_key, 40 bytes."""

    source: Address
    destination: Address
    id: int
    endpoint: int
    protocol: int

    def pack(self) -> bytes:
        """The bytes as they stand in a map."""
        return _FRAGMENT_KEY.pack(self.source.pack(), self.destination.pack(), self.id, self.endpoint, self.protocol)

    @classmethod
    def unpack(cls, data: bytes) -> FragmentKey:
        """The value that these bytes stand for."""
        values = _FRAGMENT_KEY.unpack(data)
        return cls(Address.unpack(values[0]), Address.unpack(values[1]), values[2], values[3], values[4])


_HOST = struct.Struct("<16s")


class Host(NamedTuple):
    """struct host, 16 bytes."""

    underlay: Address

    def pack(self) -> bytes:
        """The bytes as they stand in a map."""
        return _HOST.pack(self.underlay.pack())

    @classmethod
    def unpack(cls, data: bytes) -> Host:
        """The value that these bytes stand for."""
        values = _HOST.unpack(data)
        return cls(Address.unpack(values[0]))


_PAGE = struct.Struct("<256H")


class Page(NamedTuple):
    """struct page, 512 bytes."""

    class_: tuple[int, ...]

    def pack(self) -> bytes:
        """The bytes as they stand in a map."""
        return _PAGE.pack(*self.class_)

    @classmethod
    def unpack(cls, data: bytes) -> Page:
        """The value that these bytes stand for."""
        values = _PAGE.unpack(data)
        return cls(values[0:256])


_PEER = struct.Struct("<IHHHHH2x")


class Peer(NamedTuple):
    """struct peer, 16 bytes."""

    identity: int
    host: int
    endpoint: int
    ingress: int
    egress: int
    flags: int

    def pack(self) -> bytes:
        """The bytes as they stand in a map."""
        return _PEER.pack(self.identity, self.host, self.endpoint, self.ingress, self.egress, self.flags)

    @classmethod
    def unpack(cls, data: bytes) -> Peer:
        """The value that these bytes stand for."""
        values = _PEER.unpack(data)
        return cls(values[0], values[1], values[2], values[3], values[4], values[5])


_POLICY = struct.Struct("<1280HI")


class Policy(NamedTuple):
    """struct policy, 2564 bytes."""

    page: tuple[int, ...]
    flags: int

    def pack(self) -> bytes:
        """The bytes as they stand in a map."""
        return _POLICY.pack(*self.page, self.flags)

    @classmethod
    def unpack(cls, data: bytes) -> Policy:
        """The value that these bytes stand for."""
        values = _POLICY.unpack(data)
        return cls(values[0:1280], values[1280])


_SETTINGS = struct.Struct("<IIH6x")


class Settings(NamedTuple):
    """struct settings, 16 bytes."""

    overlay: int
    uplink: int
    tunnel_port: int

    def pack(self) -> bytes:
        """The bytes as they stand in a map."""
        return _SETTINGS.pack(self.overlay, self.uplink, self.tunnel_port)

    @classmethod
    def unpack(cls, data: bytes) -> Settings:
        """The value that these bytes stand for."""
        values = _SETTINGS.unpack(data)
        return cls(values[0], values[1], values[2])


_VERDICT = struct.Struct("<IB3x")


class Verdict(NamedTuple):
    """struct verdict, 8 bytes."""

    rule: int
    outcome: int

    def pack(self) -> bytes:
        """The bytes as they stand in a map."""
        return _VERDICT.pack(self.rule, self.outcome)

    @classmethod
    def unpack(cls, data: bytes) -> Verdict:
        """The value that these bytes stand for."""
        values = _VERDICT.unpack(data)
        return cls(values[0], values[1])


_VERDICT_KEY = struct.Struct("<IHH")


class VerdictKey(NamedTuple):
    """struct verdict_key, 8 bytes."""

    identity: int
    policy: int
    class_: int

    def pack(self) -> bytes:
        """The bytes as they stand in a map."""
        return _VERDICT_KEY.pack(self.identity, self.policy, self.class_)

    @classmethod
    def unpack(cls, data: bytes) -> VerdictKey:
        """The value that these bytes stand for."""
        values = _VERDICT_KEY.unpack(data)
        return cls(values[0], values[1], values[2])


MAPS: Mapping[str, MapLayout] = {
    "addresses": MapLayout(
        name="addresses",
        type="array_of_maps",
        key=4,
        value=4,
        max_entries=2,
        flags=0,
        key_type="__u32",
        inner=MapLayout(
            name="address_table",
            type="hash",
            key=16,
            value=16,
            max_entries=1,
            flags=0,
            key_type="address",
            value_type="peer",
        ),
    ),
    "blocks": MapLayout(
        name="blocks",
        type="array_of_maps",
        key=4,
        value=4,
        max_entries=2,
        flags=0,
        key_type="__u32",
        inner=MapLayout(
            name="block_table",
            type="lpm_trie",
            key=20,
            value=8,
            max_entries=1,
            flags=1,
            key_type="block_key",
            value_type="block",
        ),
    ),
    "connections": MapLayout(
        name="connections",
        type="array_of_maps",
        key=4,
        value=4,
        max_entries=4096,
        flags=0,
        key_type="__u32",
        inner=MapLayout(
            name="connection_table",
            type="lru_hash",
            key=24,
            value=40,
            max_entries=16384,
            flags=0,
            key_type="connection_key",
            value_type="connection",
        ),
    ),
    "counters": MapLayout(
        name="counters",
        type="percpu_array",
        key=4,
        value=16,
        max_entries=128,
        flags=0,
        key_type="__u32",
        value_type="counter",
    ),
    "devices": MapLayout(
        name="devices",
        type="hash",
        key=4,
        value=4,
        max_entries=4096,
        flags=0,
        key_type="__u32",
        value_type="__u32",
    ),
    "endpoints": MapLayout(
        name="endpoints",
        type="array",
        key=4,
        value=40,
        max_entries=4096,
        flags=0,
        key_type="__u32",
        value_type="endpoint",
    ),
    "fragments": MapLayout(
        name="fragments",
        type="lru_hash",
        key=40,
        value=16,
        max_entries=8192,
        flags=0,
        key_type="fragment_key",
        value_type="fragment",
    ),
    "generation": MapLayout(
        name="generation",
        type="array",
        key=4,
        value=8,
        max_entries=1,
        flags=1024,
        key_type="__u32",
        value_type="__u64",
    ),
    "hints": MapLayout(
        name="hints",
        type="array",
        key=4,
        value=4,
        max_entries=4096,
        flags=0,
        key_type="__u32",
        value_type="__u32",
    ),
    "hosts": MapLayout(
        name="hosts",
        type="array_of_maps",
        key=4,
        value=4,
        max_entries=2,
        flags=0,
        key_type="__u32",
        inner=MapLayout(
            name="host_table",
            type="array",
            key=4,
            value=16,
            max_entries=1,
            flags=4096,
            key_type="__u32",
            value_type="host",
        ),
    ),
    "listeners": MapLayout(
        name="listeners",
        type="array_of_maps",
        key=4,
        value=4,
        max_entries=4,
        flags=0,
        key_type="__u32",
        inner=MapLayout(
            name="listener",
            type="ringbuf",
            key=0,
            value=0,
            max_entries=4096,
            flags=0,
        ),
    ),
    "pages": MapLayout(
        name="pages",
        type="array_of_maps",
        key=4,
        value=4,
        max_entries=2,
        flags=0,
        key_type="__u32",
        inner=MapLayout(
            name="page_table",
            type="array",
            key=4,
            value=512,
            max_entries=1,
            flags=4096,
            key_type="__u32",
            value_type="page",
        ),
    ),
    "policies": MapLayout(
        name="policies",
        type="array_of_maps",
        key=4,
        value=4,
        max_entries=2,
        flags=0,
        key_type="__u32",
        inner=MapLayout(
            name="policy_table",
            type="array",
            key=4,
            value=2564,
            max_entries=1,
            flags=4096,
            key_type="__u32",
            value_type="policy",
        ),
    ),
    "settings": MapLayout(
        name="settings",
        type="array",
        key=4,
        value=16,
        max_entries=1,
        flags=0,
        key_type="__u32",
        value_type="settings",
    ),
    "tracing": MapLayout(
        name="tracing",
        type="array",
        key=4,
        value=4,
        max_entries=1,
        flags=0,
        key_type="__u32",
        value_type="__u32",
    ),
    "verdicts": MapLayout(
        name="verdicts",
        type="array_of_maps",
        key=4,
        value=4,
        max_entries=2,
        flags=0,
        key_type="__u32",
        inner=MapLayout(
            name="verdict_table",
            type="hash",
            key=8,
            value=8,
            max_entries=1,
            flags=0,
            key_type="verdict_key",
            value_type="verdict",
        ),
    ),
}
