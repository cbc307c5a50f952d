"""BOTH SIDES: kernel settings of the host itself. Those of a single device belong to the device.

A setting cannot be marked, so it is never created or deleted: what was there before is remembered before the first
change and put back by destroy (`restore`) and by an undo. A router forgets the default route that a router
advertisement gave it unless `accept_ra` is 2: those settings come before forwarding, and go after it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from state.change import Action, Change, Found, Wanted
from state.cluster import Cluster
from state.facts import Facts, Scope
from state.kernel import Kernel, Link
from state.kinds.kind import Kind
from state.naming import PREFIX, is_mark

SECTION = "sysctl"

_FORWARD4 = "net/ipv4/ip_forward"
_FORWARD6 = "net/ipv6/conf/all/forwarding"
_SWAP = str.maketrans("./", "/.")


@dataclass(frozen=True)
class Sysctl:
    """The value of a setting."""

    value: str


class Sysctls(Kind[Sysctl]):
    """Settings of the host: it forwards, and goes on believing router advertisements where it did before."""

    name = "sysctl"
    value = Sysctl
    lasting = True
    bulk = False  # what is observed may be more than what is wanted

    def desired(self, cluster: Cluster, host: str, facts: Facts) -> Mapping[str, Wanted[Sysctl]]:
        """Forwarding of the families that endpoints have, and `accept_ra` 2 where it is at least 1."""
        wanted: dict[str, str] = {}
        if cluster.ranges.ipv4 is not None:
            wanted[_FORWARD4] = "1"
        if cluster.ranges.ipv6 is not None:
            wanted[_FORWARD6] = "1"
            for device in facts.devices.values():
                if device.accept_ra and _is_of_the_host(device.name):
                    wanted[_accept_ra(device.name)] = "2"
        source = cluster.hosts[host].source
        return {dotted(name): Wanted(Sysctl(value), source) for name, value in wanted.items()}

    def observe(self, kernel: Kernel, scope: Scope) -> Mapping[str, Found[Sysctl]]:
        """The present values of all that could be desired."""
        found: dict[str, str] = {}
        for name in (_FORWARD4, _FORWARD6):
            value = kernel.sysctl.read(name)
            if value is not None:
                found[name] = value
        for link in kernel.net.links():
            if link.accept_ra and _is_of_the_host(link.name) and not any(map(is_mark, link.marks)):
                found[_accept_ra(link.name)] = str(link.accept_ra)
        return {dotted(name): Found(Sysctl(value)) for name, value in found.items()}

    def apply(self, kernel: Kernel, changes: Sequence[Change]) -> None:
        """Set the values, originals first to the disk. A deletion restores the original."""
        wanted: dict[str, str] = {}
        for change in changes:
            if change.action is Action.DELETE:
                wanted.update(_originals_of(kernel, plain(change.address)))
            elif isinstance(change.after, Sysctl):
                wanted[plain(change.address)] = change.after.value
        for name, value in list(wanted.items()):
            if name in (_FORWARD4, _FORWARD6) and value == "0":
                wanted.update(_originals_of(kernel, name))
        kernel.originals.remember(SECTION, _present(kernel, wanted))
        _write(kernel, wanted)


def restore(kernel: Kernel) -> None:
    """Put every setting back to what it was before netctl first changed it, where it still is."""
    _write(kernel, kernel.originals.recall(SECTION))


def dotted(name: str) -> str:
    """A path below /proc/sys as `sysctl` writes it: a dot in a device's name becomes a slash."""
    return name.translate(_SWAP)


def plain(name: str) -> str:
    """What `dotted` was made from."""
    return name.translate(_SWAP)


def _accept_ra(device: str) -> str:
    return f"net/ipv6/conf/{device}/accept_ra"


def _is_of_the_host(device: str) -> bool:
    return device != "lo" and not device.startswith(PREFIX)


def _present(kernel: Kernel, names: Iterable[str]) -> dict[str, str]:
    """The values that writing to these would change, also where the kernel changes them by itself."""
    touched = set(names)
    links = kernel.net.links() if touched & {_FORWARD4, _FORWARD6} else []
    if _FORWARD4 in touched:
        touched |= {"net/ipv4/conf/all/accept_redirects"} | _forwarding("ipv4", links)
    if _FORWARD6 in touched:
        touched |= _forwarding("ipv6", links)
    values = {name: kernel.sysctl.read(name) for name in touched}
    return {name: value for name, value in values.items() if value is not None}


def _forwarding(family: str, links: Iterable[Link]) -> set[str]:
    devices = ["default", *(link.name for link in links if not any(map(is_mark, link.marks)))]
    return {f"net/{family}/conf/{device}/forwarding" for device in devices}


def _originals_of(kernel: Kernel, name: str) -> dict[str, str]:
    """What was remembered of a setting, and of those the kernel changed with it."""
    family = {_FORWARD4: "net/ipv4/", _FORWARD6: "net/ipv6/"}.get(name)
    kept = kernel.originals.recall(SECTION)
    return {
        other: value
        for other, value in kept.items()
        if other == name or (family is not None and other.startswith(family) and not other.endswith("/accept_ra"))
    }


def _write(kernel: Kernel, values: Mapping[str, str]) -> None:
    for name in sorted(values, key=lambda name: _turn(name, values[name])):
        if kernel.sysctl.read(name) not in (None, values[name]):
            kernel.sysctl.write(name, values[name])


def _turn(name: str, value: str) -> tuple[int, str]:
    """When to write it: forwarding is switched on last and off first; single devices follow `all`, which sets them."""
    if name in (_FORWARD4, _FORWARD6):
        return (0 if value == "0" else 3), name
    return (4 if name.endswith("/accept_ra") and value != "2" else 1 if value != "1" else 2), name
