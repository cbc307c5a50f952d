"""DATA: what a pattern cannot say about a text: addresses, networks, ports, keys. A check says what is wrong."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from ipaddress import AddressValueError, IPv4Address, IPv4Network, IPv6Address, IPv6Network, NetmaskValueError
from typing import Callable, Union

Network = Union[IPv4Network, IPv6Network]
KEY_TYPES = ("ssh-ed25519", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521", "ssh-rsa")


def _address(kind: type[IPv4Address] | type[IPv6Address]) -> Callable[[str], str]:
    def check(text: str) -> str:
        try:
            kind(text)
        except AddressValueError:
            return "that is not one"
        return "an address here has no zone" if "%" in text else ""

    return check


def _network(kind: type[IPv4Network] | type[IPv6Network]) -> Callable[[str], str]:
    def check(text: str) -> str:
        try:
            network = kind(text, strict=False)
        except (AddressValueError, NetmaskValueError, ValueError):
            return "that is not one"
        if not text.rpartition("/")[2].isdigit():
            return f"write the prefix length: {network}"
        if kind(text, strict=False).network_address != _first(kind, text):
            return f"it has bits beyond its prefix: write {network}"
        return ""

    return check


def _first(kind: type[IPv4Network] | type[IPv6Network], text: str) -> Union[IPv4Address, IPv6Address]:
    address = text.partition("/")[0]
    return IPv4Address(address) if kind is IPv4Network else IPv6Address(address)


def _any_address(text: str) -> str:
    return "" if not FORMATS["ipv4"](text) or not FORMATS["ipv6"](text) else "that is not one"


def _port(text: str) -> str:
    number = text.partition("/")[0]
    return "" if number.isdecimal() and 1 <= int(number) <= 65535 else "a port is at most 65535"


def _port_range(text: str) -> str:
    first, _, last = text.partition("/")[0].partition("-")
    if not all(number.isdecimal() and 1 <= int(number) <= 65535 for number in (first, last or first)):
        return "a port is at most 65535"
    return "" if int(first) <= int(last or first) else "a range begins with the smaller number"


def _public_key(text: str) -> str:
    kind, _, rest = text.partition(" ")
    if kind not in KEY_TYPES:
        return f"it begins with one of {', '.join(KEY_TYPES)}"
    try:
        data = base64.b64decode(rest, validate=True)
    except (binascii.Error, ValueError):
        return "after the type stands one word in base64"
    if not _is_key(data, kind.encode()):
        return f"the base64 is not a key of type {kind}; was it cut off?"
    return ""


def _is_key(data: bytes, kind: bytes) -> bool:
    """Whether the data are a row of texts with their lengths, as long as they say, of which the first is the type."""
    texts: list[bytes] = []
    while data:
        length = int.from_bytes(data[:4], "big")
        texts.append(data[4 : 4 + length])
        if len(data) < 4 + length:
            return False
        data = data[4 + length :]
    return len(texts) > 1 and texts[0] == kind and (kind != b"ssh-ed25519" or [len(text) for text in texts[1:]] == [32])


FORMATS: Mapping[str, Callable[[str], str]] = {
    "ipv4": _address(IPv4Address),
    "ipv6": _address(IPv6Address),
    "ipv4-network": _network(IPv4Network),
    "ipv6-network": _network(IPv6Network),
    "ip-address": _any_address,
    "port": _port,
    "port-range": _port_range,
    "ssh-public-key": _public_key,
}
