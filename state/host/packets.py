"""HOST: single packets, made by hand so that nobody need listen and no port is bound: what `netctl test --live` sends.

A probe is told apart by its source port (TCP, UDP, SCTP) or its ICMP identifier. What the datapath decided is read from
its own events, never from an answer.
"""

from __future__ import annotations

import socket
import struct
from dataclasses import dataclass

_ICMP_ECHO, _ICMPV6_ECHO = 8, 128
_SYN = 0x02
_SCTP_INIT = 1
_NUMBERS = {"TCP": 6, "UDP": 17, "SCTP": 132}


@dataclass(frozen=True)
class Probe:
    """One packet to send. `netns` is where from (empty: the host itself), `source` may be empty: the kernel's choice.

    `nonce` (1024..65535) is its source port or ICMP identifier; `protocol` is TCP (a SYN), UDP, SCTP (an INIT) or ICMP
    (an echo request). `mark` is the packet's firewall mark.
    """

    netns: str
    source: str
    destination: str
    protocol: str
    port: int
    nonce: int
    mark: int = 0


def send(probe: Probe) -> None:
    """Send the packet from the network namespace of the calling thread. Raises OSError where the kernel refuses it."""
    family = socket.AF_INET6 if ":" in probe.destination else socket.AF_INET
    source = probe.source or _source_for(family, probe.destination)
    number = _NUMBERS.get(probe.protocol) or (
        socket.IPPROTO_ICMP if family == socket.AF_INET else socket.IPPROTO_ICMPV6
    )
    with socket.socket(family, socket.SOCK_RAW, number) as raw:
        if probe.mark:
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_MARK, probe.mark)
        raw.bind((source, 0))
        raw.sendto(_packet(probe, family, source), (probe.destination, 0))


def _source_for(family: int, destination: str) -> str:
    with socket.socket(family, socket.SOCK_DGRAM) as chooser:
        chooser.connect((destination, 9))
        return str(chooser.getsockname()[0])


def _packet(probe: Probe, family: int, source: str) -> bytes:
    if probe.protocol == "ICMP":
        return _echo(probe.nonce, family)
    if probe.protocol == "SCTP":
        return _sctp_init(probe.nonce, probe.port)
    pseudo = _pseudo_header(family, source, probe.destination, _NUMBERS[probe.protocol])
    if probe.protocol == "UDP":
        return _checksummed(struct.pack("!HHHH", probe.nonce, probe.port, 8, 0), 6, pseudo)
    syn = struct.pack("!HHIIBBHHH", probe.nonce, probe.port, probe.nonce, 0, 5 << 4, _SYN, 64240, 0, 0)
    return _checksummed(syn, 16, pseudo)


def _echo(nonce: int, family: int) -> bytes:
    if family == socket.AF_INET6:
        return struct.pack("!BBHHH", _ICMPV6_ECHO, 0, 0, nonce, 1)  # the kernel sums ICMPv6 itself (RFC 3542, 3.1)
    return _checksummed(struct.pack("!BBHHH", _ICMP_ECHO, 0, 0, nonce, 1), 2, b"")


def _sctp_init(nonce: int, port: int) -> bytes:
    chunk = struct.pack("!BBHIIHHI", _SCTP_INIT, 0, 20, nonce, 65536, 1, 1, nonce)
    header = struct.pack("!HHI", nonce, port, 0)
    return header + struct.pack("<I", _crc32c(header + b"\0\0\0\0" + chunk)) + chunk


def _pseudo_header(family: int, source: str, destination: str, number: int) -> bytes:
    length = 20 if number == _NUMBERS["TCP"] else 8
    ends = socket.inet_pton(family, source) + socket.inet_pton(family, destination)
    return ends + struct.pack("!HH" if family == socket.AF_INET else "!II", number, length)


def _checksummed(packet: bytes, offset: int, pseudo: bytes) -> bytes:
    """The packet with the Internet checksum (RFC 1071) of itself and its pseudo header at `offset`."""
    data = pseudo + packet
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return packet[:offset] + struct.pack("!H", ~total & 0xFFFF or 0xFFFF) + packet[offset + 2 :]


def _crc32c(data: bytes) -> int:
    """The Castagnoli checksum of SCTP (RFC 9260, appendix A), bit by bit: a probe has 32 bytes."""
    register = 0xFFFFFFFF
    for byte in data:
        register ^= byte
        for _ in range(8):
            register = (register >> 1) ^ (0x82F63B78 if register & 1 else 0)
    return register ^ 0xFFFFFFFF
