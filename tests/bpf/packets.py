"""Packets as bytes: Ethernet, ARP, IPv4 and IPv6 with their options and fragments, TCP, UDP, SCTP, ICMP, ND."""

from __future__ import annotations

import struct
from dataclasses import dataclass, replace
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Optional, Union

ARP, IPV4, IPV6, VLAN = 0x0806, 0x0800, 0x86DD, 0x8100
ICMP, TCP, UDP, GRE, ICMPV6, SCTP = 1, 6, 17, 47, 58, 132
HOP_BY_HOP, ROUTING, FRAGMENT, AUTHENTICATION, DESTINATION_OPTIONS = 0, 43, 44, 51, 60
FIN, SYN, RST, ACK = 0x01, 0x02, 0x04, 0x10
MORE = 1

Address = Union[IPv4Address, IPv6Address]


@dataclass(frozen=True)
class Ip:
    """An IP packet in an Ethernet frame.

    `options` are IPv4's, or whole IPv6 extension headers of which `first` says what the first one is.
    """

    source: str
    destination: str
    protocol: int
    payload: bytes
    source_mac: str = "02:00:00:00:00:01"
    destination_mac: str = "0a:6e:00:00:00:01"
    ttl: int = 64
    options: bytes = b""
    first: Optional[int] = None
    identification: int = 7
    more: bool = False
    offset: int = 0
    version: Optional[int] = None

    def frame(self) -> bytes:
        """The frame."""
        source, destination = ip_address(self.source), ip_address(self.destination)
        if isinstance(source, IPv4Address):
            return ethernet(self.destination_mac, self.source_mac, IPV4, self._ipv4(source.packed, destination.packed))
        return ethernet(self.destination_mac, self.source_mac, IPV6, self._ipv6(source.packed, destination.packed))

    def _ipv4(self, source: bytes, destination: bytes) -> bytes:
        length = 20 + len(self.options)
        start = struct.pack(
            "!BBHHHBB",
            (self.version or 4) << 4 | length // 4,
            0,
            length + len(self.payload),
            self.identification,
            self.more << 13 | self.offset // 8,
            self.ttl,
            self.protocol,
        )
        header = start + b"\0\0" + source + destination + self.options
        return start + struct.pack("!H", checksum(header)) + header[12:] + self.payload

    def _ipv6(self, source: bytes, destination: bytes) -> bytes:
        first, options = self.protocol if self.first is None else self.first, self.options
        if self.more or self.offset:
            first = FRAGMENT
            options += struct.pack("!BBHI", self.protocol, 0, self.offset | self.more, self.identification)
        start = struct.pack("!IHBB", (self.version or 6) << 28, len(options) + len(self.payload), first, self.ttl)
        return start + source + destination + options + self.payload


def checksum(data: bytes) -> int:
    """The Internet checksum."""
    total: int = sum(struct.unpack(f"!{len(data) // 2}H", data + b"\0" * (len(data) % 2) if len(data) % 2 else data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def mac(text: str) -> bytes:
    """Six octets."""
    return bytes.fromhex(text.replace(":", ""))


def ethernet(destination: str, source: str, ethertype: int, payload: bytes) -> bytes:
    """A frame."""
    return mac(destination) + mac(source) + struct.pack("!H", ethertype) + payload


def tcp(source: int, destination: int, flags: int = SYN, words: int = 5) -> bytes:
    """A TCP header and a few octets behind it. Nothing here looks at its checksum."""
    return struct.pack("!HHIIBBHHH", source, destination, 1, 1, words << 4, flags, 1000, 0, 0) + b"payload."


def udp(source: int, destination: int, payload: bytes = b"payload.") -> bytes:
    """A UDP datagram."""
    return struct.pack("!HHHH", source, destination, 8 + len(payload), 0) + payload


def sctp(source: int, destination: int) -> bytes:
    """An SCTP header and a chunk."""
    return struct.pack("!HHII", source, destination, 1, 0) + bytes(8)


def icmp(kind: int, code: int = 0, identifier: int = 0, payload: bytes = b"payload.") -> bytes:
    """An ICMP or ICMPv6 message."""
    return struct.pack("!BBHHH", kind, code, 0, identifier, 1) + payload


def carried(packet: Ip) -> bytes:
    """What an ICMP error carries of a packet: its IP header and eight octets more."""
    header = 34 if ip_address(packet.source).version == 4 else 54
    return packet.frame()[14 : header + 8]


def arp(operation: int, sender: str, target: str, sender_mac: str, source_mac: str = "") -> bytes:
    """ARP for IPv4."""
    body = struct.pack("!HHBBH", 1, IPV4, 6, 4, operation) + mac(sender_mac) + IPv4Address(sender).packed
    body += bytes(6) + IPv4Address(target).packed
    return ethernet("ff:ff:ff:ff:ff:ff", source_mac or sender_mac, ARP, body)


def solicitation(source: str, destination: str, target: str, source_mac: str, kind: int = 135, ttl: int = 255) -> bytes:
    """A neighbour solicitation (135) or advertisement (136)."""
    body = struct.pack("!BBHI", kind, 0, 0, 0) + IPv6Address(target).packed
    return Ip(source, destination, ICMPV6, body, source_mac=source_mac, ttl=ttl).frame()


def extension(following: int, octets: int = 8) -> bytes:
    """A hop-by-hop or destination options header of padding."""
    return bytes([following, octets // 8 - 1, 1, octets - 4]) + bytes(octets - 4)


def hopped(packet: Ip, source_mac: str, destination_mac: str) -> bytes:
    """The frame as it leaves a router: one hop less, other hardware addresses, a right checksum."""
    return replace(packet, ttl=packet.ttl - 1, source_mac=source_mac, destination_mac=destination_mac).frame()
