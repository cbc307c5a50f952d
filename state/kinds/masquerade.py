"""BOTH SIDES: who leaves the cluster's addresses leaves under the host's: one nftables table that is netctl's alone."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, collapse_addresses, ip_address, ip_network, summarize_address_range
from typing import Any, Optional, Union

from state.change import Action, Change, Found, Wanted
from state.cluster import Cluster
from state.facts import Facts, Scope
from state.kernel import Kernel
from state.kinds.kind import Kind
from state.naming import OWNER, PREFIX, TABLE
from state.policy.remember import OncePerCluster
from state.problem import Problem
from state.underlay import addresses

ADDRESS = f"inet {TABLE}"

_Network = Union[IPv4Network, IPv6Network]
_PROTOCOLS = {4: ("icmp", "tcp", "udp"), 6: ("ipv6-icmp", "tcp", "udp")}
# nft knows names only where /etc/protocols is: it is told numbers, and may answer with either (IANA, protocol numbers).
_NUMBERS: Mapping[str, int] = {"icmp": 1, "tcp": 6, "udp": 17, "ipv6-icmp": 58}
_NAMES = {number: name for name, number in _NUMBERS.items()}
_CHAIN = "postrouting"
_OWN_DEVICES = f"{PREFIX}*"


@dataclass(frozen=True)
class Translation:
    """What comes from `source` gets the host's address, unless it goes to one of the `direct` networks."""

    source: str
    direct: tuple[str, ...]
    protocols: tuple[str, ...]


@dataclass(frozen=True)
class Masquerade:
    """The whole table. `strange` is what stands in it that netctl did not write."""

    translations: tuple[Translation, ...]
    strange: tuple[str, ...] = ()


class Masquerades(Kind[Masquerade]):
    """The nftables table `inet netctl`; a chain named `netctl.owner` marks it."""

    name = "masquerade"
    value = Masquerade

    def desired(self, cluster: Cluster, host: str, facts: Facts) -> Mapping[str, Wanted[Masquerade]]:
        """One translation for each family of the host's slice; the ranges and every host are reached directly."""
        own = cluster.hosts[host]
        slices: list[_Network] = [net for net in (own.slice_ipv4, own.slice_ipv6) if net is not None]
        if not facts.features.nft or not slices:
            return {}
        same = _direct(cluster)
        translations = tuple(Translation(str(net), same[net.version], _PROTOCOLS[net.version]) for net in slices)
        return {ADDRESS: Wanted(Masquerade(translations), own.source)}

    def notices(self, cluster: Cluster, host: str, facts: Facts) -> tuple[Problem, ...]:
        """Without nftables endpoints reach the world under their own addresses, in overlay mode not at all."""
        if facts.features.nft:
            return ()
        summary = "nftables is missing: what leaves the cluster keeps the endpoint's address"
        detail = "Install nftables, or route the endpoint ranges outside the cluster."
        if cluster.network.mode == "overlay":
            summary = "nftables is missing: what an endpoint sends to the outside is dropped, but for replies"
            detail = "Install nftables. The kernel must have it too, with address translation."
        return (Problem(summary, detail, f"host {host}", severity="warning"),)

    def observe(self, kernel: Kernel, scope: Scope) -> Mapping[str, Found[Masquerade]]:
        """The table, if there is one of that name."""
        objects = kernel.nft.read()
        if objects is None:
            return {}
        chains = {item["chain"]["name"] for item in _of(objects, "chain")}
        return {ADDRESS: Found(_understood(objects), OWNER in chains)}

    def apply(self, kernel: Kernel, changes: Sequence[Change]) -> None:
        """Put the table, or remove it, in one transaction."""
        table = {"table": {"family": "inet", "name": TABLE}}
        for change in changes:
            # Adding before deleting: so that deleting succeeds where there is none.
            commands: list[Mapping[str, object]] = [{"add": table}, {"delete": table}]
            if change.action is not Action.DELETE and isinstance(change.after, Masquerade):
                commands += [{"add": item} for item in (table, *_objects(change.after))]
            elif kernel.nft.read() is None:
                continue
            kernel.nft.run(commands)


def _reached_directly(cluster: Cluster) -> Mapping[int, tuple[str, ...]]:
    """The networks that everybody reaches without translation, by family."""
    direct: list[_Network] = [net for net in (cluster.ranges.ipv4, cluster.ranges.ipv6) if net is not None]
    direct += [ip_network(address) for host in cluster.hosts.values() for address in addresses(host)]
    return {version: _normal(net for net in direct if net.version == version) for version in _PROTOCOLS}


_direct = OncePerCluster(_reached_directly)


def _normal(networks: Iterable[_Network]) -> tuple[str, ...]:
    """Networks without overlap, joined where they touch, in order."""
    return tuple(str(network) for network in collapse_addresses(networks))  # type: ignore[type-var]


def _objects(wanted: Masquerade) -> list[dict[str, object]]:
    place = {"family": "inet", "table": TABLE}
    hook = {"name": _CHAIN, "type": "nat", "hook": _CHAIN, "prio": 100, "policy": "accept"}
    objects: list[dict[str, object]] = [{"chain": {**place, "name": OWNER}}, {"chain": {**place, **hook}}]
    return objects + [{"rule": {**place, "chain": _CHAIN, "expr": _expression(item)}} for item in wanted.translations]


def _expression(item: Translation) -> list[object]:
    protocol = "ip6" if ":" in item.source else "ip"
    return [
        _match("!=", {"meta": {"key": "oifname"}}, _OWN_DEVICES),
        _match("==", {"meta": {"key": "l4proto"}}, {"set": [_NUMBERS.get(name, name) for name in item.protocols]}),
        _match("==", _field(protocol, "saddr"), _prefix(item.source)),
        _match("!=", _field(protocol, "daddr"), {"set": [_prefix(network) for network in item.direct]}),
        {"masquerade": None},
    ]


def _match(operator: str, left: object, right: object) -> dict[str, object]:
    return {"match": {"op": operator, "left": left, "right": right}}


def _field(protocol: str, field: str) -> dict[str, object]:
    return {"payload": {"protocol": protocol, "field": field}}


def _prefix(network: str) -> dict[str, object]:
    address, _, length = network.partition("/")
    return {"prefix": {"addr": address, "len": int(length)}}


def _of(objects: Iterable[Mapping[str, Any]], kind: str) -> list[Mapping[str, Any]]:
    return [item for item in objects if kind in item]


def _understood(objects: Sequence[Mapping[str, Any]]) -> Masquerade:
    """The table as a value. A rule is understood when writing what was read from it gives the same rule."""
    translations: list[Translation] = []
    strange: list[str] = []
    for item in objects:
        rule = item.get("rule")
        if rule is None:
            if not _is_expected(item):
                strange.append(_text(item))
            continue
        translation = _translation(rule["expr"]) if rule.get("chain") == _CHAIN else None
        if translation is None:
            strange.append(_text(rule["expr"]))
        else:
            translations.append(translation)
    return Masquerade(tuple(translations), tuple(strange))


def _is_expected(item: Mapping[str, Any]) -> bool:
    chain = item.get("chain")
    if chain is None:
        return "metainfo" in item or "table" in item
    hook = (chain.get("type"), chain.get("hook"), chain.get("prio"), chain.get("policy"))
    return chain["name"] == OWNER or (chain["name"] == _CHAIN and hook == ("nat", _CHAIN, 100, "accept"))


def _translation(expression: Sequence[Any]) -> Optional[Translation]:
    try:
        device, protocols, source, direct, verdict = expression
        (network,) = _networks(source["match"]["right"])
        found = Translation(
            str(network),
            _normal(_networks(direct["match"]["right"])),
            tuple(sorted(_NAMES.get(item, str(item)) for item in protocols["match"]["right"]["set"])),
        )
        left = [item["match"]["left"] for item in (device, protocols, source, direct)]
        operators = [item["match"]["op"] for item in (device, protocols, source, direct)]
    except (KeyError, TypeError, ValueError):
        return None
    expected = _expression(found)
    if left != [item["match"]["left"] for item in expected[:4]] or operators != ["!=", "==", "==", "!="]:  # type: ignore[index]
        return None
    return found if device["match"]["right"] == _OWN_DEVICES and verdict == {"masquerade": None} else None


def _networks(right: Union[str, Mapping[str, Any]]) -> list[_Network]:
    """What nft shows of a set of networks: prefixes, ranges and addresses, or one of them alone."""
    items: list[Any] = [right] if isinstance(right, str) else right.get("set", [right])
    found: list[_Network] = []
    for item in items:
        if isinstance(item, str):
            found.append(ip_network(item))
        elif "prefix" in item:
            found.append(ip_network(f"{item['prefix']['addr']}/{item['prefix']['len']}"))
        else:
            first, last = map(ip_address, item["range"])
            found += summarize_address_range(first, last)
    return found


def _text(value: object) -> str:
    return json.dumps(value, sort_keys=True)
