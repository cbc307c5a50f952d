"""WORKSTATION: the ends and ports of a flow as they are typed: names in full or in short, addresses, `80/TCP`."""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import ip_address
from typing import TYPE_CHECKING, Optional

from state.problem import UsageError

if TYPE_CHECKING:
    from state.cluster import Cluster, Endpoint
    from state.policy.parties import Party
    from state.policy.portset import PortSet

Port = tuple[str, Optional[int]]
"""Protocol and port; of ICMP the type, None for an echo request."""

PROTOCOLS = ("TCP", "UDP", "SCTP")


def party(cluster: Cluster, option: str, word: str) -> Party:
    """The endpoint, host or address that a word means; UsageError where it means nothing, or several."""
    from state.policy import parties

    try:
        return parties.at(cluster, ip_address(word))
    except ValueError:
        pass
    if word in cluster.hosts:
        return parties.of_host(cluster.hosts[word])
    found = _endpoints(cluster, word)
    if len(found) == 1:
        return parties.of_endpoint(found[0])
    raise _unknown(option, word, found, [*cluster.endpoints, *cluster.hosts], "an endpoint, a host or an address")


def endpoint(cluster: Cluster, option: str, word: str) -> Endpoint:
    """The endpoint that a word means, `namespace/name` or a name that only one has; UsageError where there is none."""
    found = _endpoints(cluster, word)
    if len(found) == 1:
        return found[0]
    raise _unknown(option, word, found, [*cluster.endpoints], "an endpoint")


def _endpoints(cluster: Cluster, word: str) -> list[Endpoint]:
    if word in cluster.endpoints:
        return [cluster.endpoints[word]]
    return [item for item in cluster.endpoints.values() if item.name == word]


def _unknown(option: str, word: str, found: list[Endpoint], known: list[str], what: str) -> Exception:
    from schemas.report import suggest

    if found:
        keys = " and ".join(item.key for item in found)
        return UsageError.of(f'{option}: "{word}" is the name of {keys}', "Write NAMESPACE/NAME.")
    short = {key.rpartition("/")[2]: key for key in known}
    hint = suggest(word, [*known, *(name for name in short if name not in known)], "Known are")
    return UsageError.of(f'{option}: "{word}" is not {what}', hint or "`netctl validate` tells what there is.")


def port(word: str, protocol: str, kind: Optional[int]) -> Port:
    """What `--port`, `--protocol` and `--type` mean together; UsageError where they do not fit."""
    if protocol:
        if word or protocol.upper() != "ICMP":
            raise UsageError.of(
                "--protocol is for ICMP alone", "A port names its protocol: --port 80/TCP, --port 53/UDP."
            )
        if kind is not None and not 0 <= kind <= 255:
            raise UsageError.of(f"--type: {kind} is no type of ICMP", "Types are numbers from 0 to 255.")
        return "ICMP", kind
    if kind is not None:
        raise UsageError.of("--type without --protocol ICMP", "Only ICMP has types.")
    if not word:
        raise UsageError.of("what flow is meant is not said", "Give --port 80/TCP, or --protocol ICMP.")
    return carried(word)


def carried(word: str) -> Port:
    """`80/TCP` as protocol and port; UsageError where it is none."""
    number, _, protocol = word.partition("/")
    if not number.isdecimal() or not 1 <= int(number) <= 65535 or protocol.upper() not in PROTOCOLS:
        raise UsageError.of(
            f'--port: "{word}" is not a port with its protocol', "Write 80/TCP, 53/UDP or 38412/SCTP: 1 to 65535."
        )
    return protocol.upper(), int(number)


def ports(words: Iterable[str], protocol: str) -> PortSet:
    """What `--port`, given several times, and `--protocol ICMP` mean together: an echo request of either family."""
    from state.policy.flow import ECHO
    from state.policy.portset import PortSet

    if protocol and protocol.upper() != "ICMP":
        raise UsageError.of("--protocol is for ICMP alone", "A port names its protocol: --port 80/TCP, --port 53/UDP.")
    found = [(name, number, number) for name, number in map(carried, words) if number is not None]
    echo = [("ICMP", ECHO[4], ECHO[4]), ("ICMPV6", ECHO[6], ECHO[6])] if protocol else []
    return PortSet.of([*found, *echo])


def namespaces(cluster: Cluster, words: Iterable[str]) -> None:
    """UsageError where one of these is no namespace of the cluster."""
    from schemas.report import suggest

    for word in words:
        if word not in cluster.namespaces:
            hint = suggest(word, [*cluster.namespaces], "Known are")
            raise UsageError.of(f'--namespace: "{word}" is not a namespace', hint)
