"""Policies and verdicts published by others: run where NETCTL_CONFORMANCE names a folder of them, as JSON.

Every case either loads, and then every probe must agree, or is refused by name. What netctl does not enforce yet is
refused; how many that are is printed.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest

from state.policy import parties
from state.policy.documents import read
from state.policy.engine import Engine
from state.policy.parties import Party
from state.problem import errors
from tests.policy.clusters import Pod, cluster, documents

LOCAL = "alpha"
FOLDER = os.environ.get("NETCTL_CONFORMANCE", "")


def cases() -> list[Any]:
    """All cases of the folder, as pytest parameters."""
    files = sorted(Path(FOLDER).glob("*.json")) if FOLDER else []
    return [pytest.param(case, id=case["name"]) for file in files for case in json.loads(file.read_text())]


def pod(entry: dict[str, Any]) -> Pod:
    """An endpoint of a case; its address is outside the ranges, which does not matter to an identity."""
    labels = {key: value for key, value in entry["labels"].items() if not key.startswith("reserved:")}
    raw = [key for key in entry["labels"] if key.startswith("reserved:")]
    if "serviceAccount" in entry:
        raw.append(f"k8s:io.cilium.k8s.policy.serviceaccount={entry['serviceAccount']}")
    return Pod(
        entry["namespace"],
        entry["name"],
        labels,
        ports={item["name"]: f"{item['port']}/{item['protocol']}" for item in entry.get("ports", [])},
        namespace_labels=entry.get("namespaceLabels", {}),
        raw_labels=tuple(raw),
        cluster=entry.get("cluster", "shop"),
    )


def party(engine: Engine, probe: dict[str, Any], end: str) -> Party | None:
    """The end of a probe; None where netctl knows no such thing."""
    address = probe.get("fromCidr" if end == "from" else "cidr")
    entity = probe.get(f"{end}Entity")
    if f"{end}Node" in probe:
        return parties.of_host(engine.cluster.hosts[LOCAL])
    if address is not None:
        return parties.at(engine.cluster, ip_network(address).network_address)
    if entity is not None:
        return {
            "host": parties.of_host(engine.cluster.hosts[LOCAL]),
            "remote-node": parties.of_host(engine.cluster.hosts["beta"]),
        }.get(entity)
    return parties.find(engine.cluster, probe[end]) if end in probe else None


if FOLDER:

    @pytest.mark.parametrize("case", cases())
    def test_published_verdicts_are_given_or_the_document_is_refused(case: dict[str, Any]) -> None:
        policies = [document for text in case["policies"] for document in documents(text)]
        rules, problems = read(policies)
        if case.get("expectLoad") == "reject":
            assert errors(problems)
            return
        problems = [problem for problem in problems if "nodeSelector" not in problem.summary]  # judged all the same
        if wrong := errors(problems):
            assert all(problem.source is not None for problem in wrong)
            assert all("cannot enforce" in problem.summary for problem in wrong), [problem.summary for problem in wrong]
            print("refused:", "; ".join(problem.summary for problem in wrong))
            return
        labels = {LOCAL: case["nodes"][0]["labels"]} if case.get("nodes") else {}
        engine = Engine(cluster([pod(entry) for entry in case["endpoints"]], policies, hosts_labels=labels), rules)
        seen: Counter[str] = Counter()
        for probe in case["probes"]:
            source, destination = party(engine, probe, "from"), party(engine, probe, "to")
            if source is None or destination is None:
                seen["unknown party"] += 1
                continue
            number = probe.get("icmpType") if probe["protocol"] == "ICMP" else probe["port"]
            verdict = engine.decide(source, destination, probe["protocol"], number)
            assert verdict.word == probe["expected"], (probe, verdict)
            seen["agreed"] += 1
        print(dict(seen))
