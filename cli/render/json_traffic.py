"""WORKSTATION: traffic whose verdict changes, for programs: the key `traffic` of a plan in JSON.

    {"flows": [{"sources": [{"kind": "endpoints", "labels": "app=web namespace=shop",
                             "endpoints": ["shop/web-1", "shop/web-2"], "total": 2}],
                "destinations": [{"kind": "world", "regions": [{"cidr": "10.0.0.0/8", "except": ["10.1.0.0/16"]}]}],
                "ports": [{"protocol": "TCP", "first": 5432, "last": 5432}],      of ICMP and ICMPV6: types
                "before": "allow", "after": "deny",
                "families": [],          ["IPv4"] where the ends have IPv6, too, and nothing of this changes there
                "rules": [{"file": "policies/db.yaml", "line": 14}],      of the ends that changed their mind
                "certain": true}],       false where an end's host was not asked: told as if that end let all pass
     "summary": {"start": 0, "stop": 1},
     "arriving": ["shop/web-3"],         endpoints that come with the plan: what they may do is not listed
     "leaving": ["10.42.7.9"],           an address of each endpoint that goes with it
     "not_asked": ["gamma"]}

Every source of a flow with every destination of it is meant, but no endpoint with itself. `kind` is `endpoints`,
`world`, `host` (the other end's own) or `remote-node` (any other host). No packet is in two flows.
"""

from __future__ import annotations

from typing import Any

from cli.render.words import labels_text
from state.traffic import ENDPOINTS, WORLD, Flow, Participants, Traffic


def document(traffic: Traffic) -> dict[str, Any]:
    """The traffic as JSON values."""
    return {
        "flows": [_flow(flow) for flow in traffic.flows],
        "summary": {"start": traffic.starting, "stop": traffic.stopping},
        "arriving": list(traffic.arriving),
        "leaving": list(traffic.leaving),
        "not_asked": list(traffic.not_asked),
    }


def _flow(flow: Flow) -> dict[str, Any]:
    before, after = ("deny", "allow") if flow.allowed else ("allow", "deny")
    return {
        "sources": [_end(end) for end in flow.sources],
        "destinations": [_end(end) for end in flow.destinations],
        "ports": [{"protocol": item.protocol, "first": item.first, "last": item.last} for item in flow.ports],
        "before": before,
        "after": after,
        "families": [f"IPv{version}" for version in flow.families],
        "rules": [{"file": rule.file, "line": rule.line} for rule in flow.rules],
        "certain": flow.certain,
    }


def _end(end: Participants) -> dict[str, Any]:
    if end.kind == ENDPOINTS:
        said = {"labels": labels_text(end.labels), "endpoints": list(end.names), "total": end.total}
        return {"kind": end.kind, **said}
    if end.kind == WORLD:
        regions = [{"cidr": region.cidr, "except": list(region.excepts)} for region in end.regions]
        return {"kind": end.kind, "regions": regions}
    return {"kind": end.kind}
