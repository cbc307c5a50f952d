"""A fleet of two hosts as a manifest: who lives where is fixed; labels, policies and guests are what a story tells."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

Labels = Mapping[str, str]
Document = Mapping[str, Any]

HOSTS = {"alpha": ("203.0.113.11", "2001:db8::11"), "beta": ("203.0.113.12", "2001:db8::12")}
HOME = {"web-1": "alpha", "db-1": "alpha", "aux-1": "alpha", "web-2": "beta", "db-2": "beta", "aux-2": "beta"}
FENCES = {"fence-1": "alpha", "fence-2": "beta"}
WORLD = ("203.0.113.200", "203.0.113.250", "198.51.100.20", "2001:db8:fa::20")
GUEST = {"app": "guest"}


@dataclass(frozen=True)
class Story:
    """A manifest: labels of endpoints, policies by name, and hosts with a guest: an endpoint that comes and goes.

    `told` is what has changed since the one before.
    """

    labels: Mapping[str, Labels]
    policies: Mapping[str, Document]
    guests: frozenset[str] = frozenset()
    told: str = ""

    def files(self, mode: str = "overlay") -> dict[str, str]:
        """The manifest's files, by name. YAML reads JSON."""
        endpoints = {
            name: {"host": host, "namespace": "shop", "labels": dict(self.labels[name]), "attach": {"netns": name}}
            for name, host in HOME.items()
        } | {
            name: {"host": host, "namespace": "fence", "labels": {}, "attach": {"netns": name}}
            for name, host in FENCES.items()
        }
        endpoints |= {
            f"guest-{host}": {"host": host, "namespace": "shop", "labels": GUEST, "attach": {"netns": "guest"}}
            for host in sorted(self.guests)
        }
        main: Document = {
            "cluster": {"name": "gap", "id": 1},
            "network": {"mode": mode},
            "ranges": {"endpoints": {"ipv4": "10.42.0.0/16", "ipv6": "fd42::/48"}},
            "hosts": {
                name: {"address": ipv4, "underlay": {"ipv4": ipv4, "ipv6": ipv6}}
                for name, (ipv4, ipv6) in HOSTS.items()
            },
            "namespaces": {"shop": {}, "fence": {}},
            "endpoints": endpoints,
            "assertions": [
                {"from": address, "to": "fence/fence-1", "port": "7/UDP", "expect": "allow"} for address in WORLD
            ],
        }
        return {
            "netctl.yaml": json.dumps(main, indent=1),
            "policies.yaml": "".join(
                f"---\n{json.dumps(policy, indent=1)}\n" for _, policy in sorted(self.policies.items())
            ),
        }
