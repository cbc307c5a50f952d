"""HOST: what else runs on this host and may bite: sentences for the plan. Nothing here is changed, or needed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from state.facts import Scope
from state.host import files, ruleset
from state.host.questions import spoil
from state.kernel import Address, Kernel, Link, Route, Rule
from state.kinds.marked import within
from state.naming import PREFIX, PROTOCOL, is_mark

_FORWARD, _DROP = 2, 0
_BY_KERNEL = 2
_TABLES_OF_EVERY_HOST = (253, 254, 255)
_MAIN_RULE = 32766
_FAMILIES = {1: "inet", 2: "ip", 10: "ip6"}


def warnings(
    kernel: Kernel, scope: Scope, links: Sequence[Link], addresses: Sequence[Address], uplink: str
) -> Iterator[str]:
    """Everything that may bite on this host."""
    yield from networkd()
    yield from network_manager()
    yield from _forward_policy()
    yield from _reverse_path(kernel, links, addresses, uplink)
    yield from others_programs(kernel, uplink)
    yield from _detours(kernel, scope)
    if scope.tunnel_port:
        yield from _port_taken(scope.tunnel_port, links)


def others_programs(kernel: Kernel, uplink: str) -> Iterator[str]:
    """Programs of others at the uplink's hooks; that one of them runs first is a difference, too."""
    if not uplink or kernel.bpf.missing():
        return
    for direction in ("ingress", "egress"):
        names = ", ".join(kernel.bpf.foreign(uplink, direction))
        if names:
            yield (
                f"{uplink} {direction} has a program that is not netctl's ({names}): "
                "netctl's runs first, and what it drops or delivers the other does not see"
            )


def _detours(kernel: Kernel, scope: Scope) -> Iterator[str]:
    """Routes and rules of others that go before netctl's: what this host itself sends to endpoints takes their way."""
    routes = kernel.net.routes("", scope.ranges)
    for route in routes:
        if route.protocol in (PROTOCOL, _BY_KERNEL):
            continue
        own = [item for item in routes if item.protocol == PROTOCOL and item.table == route.table]
        behind = [item.destination for item in own if _goes_before(route, item)]
        if behind:
            yield (
                f"the route to {route.destination} is not netctl's and goes before netctl's to {behind[0]}: "
                "what this host sends there takes another way"
            )
    for rule in kernel.net.rules():
        about = [item for item in (rule.source, rule.destination) if item and within(item, scope.ranges)]
        if rule.protocol != PROTOCOL and (about or _is_about_everything(rule)):
            yield (
                f"the routing rule {rule.priority} about {about[0] if about else 'everything'} is not netctl's: "
                "what this host sends to endpoints may take another way"
            )


def _goes_before(route: Route, own: Route) -> bool:
    """Whether the kernel prefers the route: it is about less, or about the same with a lower metric."""
    if route.destination == own.destination:
        return route.metric < own.metric
    return within(route.destination, (own.destination,))


def _is_about_everything(rule: Rule) -> bool:
    """Whether the rule asks a table of somebody's own for all that is sent, before the host's main table is asked."""
    chosen = (rule.source, rule.destination, rule.mark, rule.incoming, rule.outgoing)
    asks = rule.action == "lookup" and rule.table not in _TABLES_OF_EVERY_HOST
    return rule.priority < _MAIN_RULE and asks and not any(chosen)


def networkd(root: str = "/") -> Iterator[str]:
    """systemd-networkd removes routes and rules it does not know, unless it is told not to."""
    if not files.names(f"{root}run/systemd/netif/links"):
        return  # it is not there, or has never run
    settings = {"ManageForeignRoutes": "yes", "ManageForeignRoutingPolicyRules": "yes"}
    for line in _configuration(root, "systemd/networkd.conf"):
        name, _, value = line.partition("=")
        if name.strip() in settings:
            settings[name.strip()] = value.strip().lower()
    harmful = [name for name, value in settings.items() if value not in ("no", "false", "off", "0")]
    if harmful:
        yield (
            f"systemd-networkd runs with {' and '.join(harmful)} on: it removes netctl's when it restarts; "
            "set it to no in /etc/systemd/networkd.conf"
        )


def network_manager(root: str = "/") -> Iterator[str]:
    """NetworkManager takes over devices that it is not told to leave alone."""
    if files.names(f"{root}run/NetworkManager") is None:
        return
    ignored = [
        line for line in _configuration(root, "NetworkManager/NetworkManager.conf") if "unmanaged-devices" in line
    ]
    if not any(f"{PREFIX}*" in line for line in ignored):
        yield (
            f"NetworkManager runs and may manage netctl's devices; "
            f"set `unmanaged-devices=interface-name:{PREFIX}*` in its [keyfile] section"
        )


def _configuration(root: str, name: str) -> Iterator[str]:
    """The lines of a configuration file and its drop-in folder, in the order in which they count."""
    folders = [f"{root}usr/lib", f"{root}run", f"{root}etc"]
    drop_in = name.replace("NetworkManager.conf", "conf") if name.startswith("NetworkManager") else name
    paths = [f"{folder}/{name}" for folder in folders]
    for folder in folders:
        place = f"{folder}/{drop_in}.d"
        paths += [f"{place}/{entry}" for entry in files.names(place) or () if entry.endswith(".conf")]
    for path in paths:
        yield from _lines(path)


def _lines(path: str) -> list[str]:
    lines = (files.text(path) or "").splitlines()
    return [line for line in lines if not line.lstrip().startswith("#")]


def _forward_policy() -> Iterator[str]:
    """A FORWARD policy of DROP, as Docker sets it, also drops what endpoints send to the world."""
    chains = [
        f"{_FAMILIES[family]} {table} {name}"
        for family, table, name, hook, policy in ruleset.base_chains()
        if family in _FAMILIES and hook == _FORWARD and policy == _DROP and table != "netctl"
    ]
    if any(
        "filter" in line for path in ("ip_tables_names", "ip6_tables_names") for line in _lines(f"/proc/net/{path}")
    ):
        chains += _legacy_chains()
    if chains:
        yield (
            f"packets are dropped unless a rule accepts them when forwarded ({', '.join(chains)}): what endpoints "
            "exchange with the world needs such rules; traffic between endpoints does not pass there"
        )


def _legacy_chains() -> Iterator[str]:
    """The same of iptables as it was before nftables; only its own command can tell."""
    import subprocess

    spoil()
    for command in ("iptables-legacy", "ip6tables-legacy"):
        try:
            said = subprocess.run([command, "-S", "FORWARD"], capture_output=True, text=True, timeout=5, check=False)
        except (OSError, subprocess.TimeoutExpired):
            continue
        if "-P FORWARD DROP" in said.stdout:
            yield f"{command} filter FORWARD"


def _reverse_path(kernel: Kernel, links: Sequence[Link], addresses: Sequence[Address], uplink: str) -> Iterator[str]:
    """Strict reverse path filtering drops what comes by another device than the answer would take."""
    everywhere = kernel.sysctl.read("net/ipv4/conf/all/rp_filter") == "1"
    strict = {link.name for link in links if link.rp_filter == 1 or (everywhere and link.rp_filter == 0)}
    ours = {link.name for link in links if any(is_mark(mark) for mark in link.marks)}
    reached = {item.device for item in addresses if "." in item.address and item.device not in ours | {"lo"}}
    if uplink in strict and len(reached) > 1:
        yield (
            f"rp_filter is strict on {uplink}, and {len(reached)} devices have addresses: packets of other hosts that "
            f"come in by one and would be answered by another are dropped; set net.ipv4.conf.{uplink}.rp_filter=2"
        )


def _port_taken(port: int, links: Sequence[Link]) -> Iterator[str]:
    tunnels = [link for link in links if link.type == "vxlan" and link.port == port]
    for link in tunnels:
        if not any(is_mark(mark) for mark in link.marks):
            yield f"UDP port {port} is used by the VXLAN device {link.name}, which is not netctl's; see network.port"
    if any(link.up for link in tunnels):
        return  # the socket on this port is the device's own
    if files.is_bound(port):
        yield f"UDP port {port} is used by a process on the host; tunnels need it; see network.port"
