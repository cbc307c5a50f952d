"""Every field that a manifest can have, each with a value that says something else than a small manifest without it."""

from __future__ import annotations

import copy
from typing import Any

from tests.schemas.folders import KEY

FULL: Any = {
    "cluster": {"name": "shop", "id": 1},
    "ranges": {"endpoints": {"ipv4": "10.42.0.0/16", "ipv6": "fd42::/48"}},
    "hosts": {
        "alpha": {"address": "203.0.113.11", "ssh": {"hostKey": KEY}, "underlay": {"ipv4": "203.0.113.11"}},
        "beta": {"address": "203.0.113.12", "ssh": {"hostKey": KEY}},
    },
    "namespaces": {"shop": {}},
    "endpoints": {
        "shop/web": {"host": "alpha", "labels": {"app": "web"}, "attach": {"netns": "web"}},
        "db": {"host": "beta", "attach": {"netns": "db"}},
    },
    "assertions": [{"from": "shop/web", "to": "203.0.113.200", "port": "80/TCP", "expect": "allow"}],
}  # fmt: skip

# Every field of the schema, by its path, with a value that differs from what the manifest above says or leaves out.
FIELDS: dict[str, object] = {
    "cluster.name": "other",
    "cluster.id": 2,
    "cluster.audit": True,
    "network.mode": "native",
    "network.encapsulation": None,  # there is one value, and it is the default: nothing else can be written
    "network.port": 4789,
    "ranges.endpoints.ipv4": "10.43.0.0/16",
    "ranges.endpoints.ipv6": "fd43::/48",
    "ranges.endpoints.hostPrefix.ipv4": 25,
    "ranges.endpoints.hostPrefix.ipv6": 80,
    "hosts.alpha.address": "203.0.113.99",
    "hosts.alpha.ssh.user": "admin",
    "hosts.alpha.ssh.port": 2222,
    "hosts.alpha.ssh.hostKey": KEY.replace("Iz+O", "Iz+P"),
    "hosts.alpha.underlay.ipv4": "198.51.100.1",
    "hosts.alpha.underlay.ipv6": "2001:db8::1",
    "hosts.alpha.underlay.device": "eth1",
    "hosts.alpha.labels.zone": "a",
    "hosts.alpha.slice.ipv4": "10.42.7.0/24",
    "hosts.alpha.slice.ipv6": "fd42:0:0:7::/64",
    "namespaces.shop.labels.team": "shop",
    "endpoints.db.host": "alpha",
    "endpoints.db.namespace": "shop",
    "endpoints.db.labels.app": "db",
    "endpoints.db.attach.netns": "db-1",
    "endpoints.db.attach.create": False,
    "endpoints.db.ports.postgres": "5432/TCP",
    "endpoints.db.audit": True,
    "endpoints.db.address": "10.42.7.9",
    "endpoints.db.address.ipv4": "10.42.7.9",
    "endpoints.db.address.ipv6": "fd42:0:0:7::9",
    "assertions.0.from": "203.0.113.200",
    "assertions.0.to": "beta",
    "assertions.0.port": "80/UDP",
    "assertions.0.ports.0": "80-81/TCP",
    "assertions.0.protocol": "ICMP",
    "assertions.0.expect": "deny",
    "include.0": "policies/*.yaml",
}
for _end in ("assertions.0.from", "assertions.0.to"):
    FIELDS[f"{_end}.0"] = "beta"
    for _place in (_end, f"{_end}.0"):
        FIELDS[f"{_place}.matchLabels.app"] = "web"
        FIELDS[f"{_place}.matchExpressions.0.key"] = "tier"
        FIELDS[f"{_place}.matchExpressions.0.operator"] = "In"
        FIELDS[f"{_place}.matchExpressions.0.values.0"] = "front"

CONDITION: Any = {"key": "app", "operator": "NotIn", "values": ["web"]}


def inside(here: Any, name: str, following: str) -> Any:
    """A member of a mapping or a list; a new one where there is none yet, of the kind that has such members."""
    empty: Any = [] if following.isdigit() else {}
    if name.isdigit():
        if int(name) == len(here):
            here.append(empty)
        return here[int(name)]
    if isinstance(here.get(name), str):
        here.pop(name)
    if name == "matchExpressions":
        here[name] = [copy.deepcopy(CONDITION)]
    return here.setdefault(name, empty)


def with_field(path: str, value: object) -> Any:
    """The full manifest with one field set."""
    document = copy.deepcopy(FULL)
    here: Any = document
    steps = path.split(".")
    for name, following in zip(steps, steps[1:]):
        here = inside(here, name, following)
    if steps[-1].isdigit():
        here[:] = [value]
    else:
        here[steps[-1]] = value
    _companions(path, document)
    return document


def _companions(path: str, document: Any) -> None:
    """What must be otherwise, too, for a field to be right, or to mean something."""
    if path == "assertions.0.protocol" or path.startswith("assertions.0.ports"):
        document["assertions"][0].pop("port")
    if path.startswith("assertions.0.to"):
        document["assertions"][0]["from"] = "203.0.113.200"  # an endpoint would not be asked about itself
    if path == "network.mode":  # native routing carries IPv6 only between hosts that have it
        for number, host in enumerate(document["hosts"].values(), 1):
            host["underlay"] = {"ipv4": f"203.0.113.{number}", "ipv6": f"2001:db8::{number}"}


def without_field(path: str) -> Any:
    """The manifest that `with_field` gives, but for that field, which is not there or says something else."""
    parent, _, name = path.rpartition(".")
    if path == "network.mode":
        return with_field(path, "overlay")
    if parent.endswith("matchLabels"):
        return with_field(parent, {})
    if ".matchExpressions." in path:
        return with_field(path, CONDITION["values"][0] if name.isdigit() else CONDITION[name])
    if path.startswith("assertions.0.to"):
        return with_field("assertions.0.to", FULL["assertions"][0]["to"])
    return with_field("network.port", 8472)
