"""`netctl test` by the engine: what it prints, its exit code, and what assertions about many flows come to."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
import yaml

from cli.app import main
from cli.judged import Answer, Judged
from cli.render import junit
from cli.test import judge
from schemas.loader import load
from state import lock
from tests.policy.test_cases import cases
from tests.schemas.folders import write

EXAMPLE = Path(__file__).parents[2] / "examples" / "three-hosts"

ENDPOINTS = {
    "  web: {host: alpha, namespace: shop, labels: {app: web}, attach: {netns: web}}": """\
  web-1: {host: alpha, namespace: shop, labels: {app: web}, attach: {netns: web-1}}
  web-2: {host: alpha, namespace: shop, labels: {app: web, tier: front}, attach: {netns: web-2}}
  cache: {host: beta, namespace: shop, labels: {app: cache}, attach: {netns: cache}, ports: {redis: 6379/TCP}}"""
}
POLICIES = """\
apiVersion: cilium.io/v2
kind: CiliumNetworkPolicy
metadata: {name: db, namespace: shop}
spec:
  endpointSelector: {matchLabels: {app: db}}
  ingress:
    - fromEndpoints: [{matchLabels: {app: web}}]
      toPorts: [{ports: [{port: "5432", endPort: 5433, protocol: TCP}]}]
---
apiVersion: cilium.io/v2
kind: CiliumNetworkPolicy
metadata: {name: cache, namespace: shop}
spec:
  endpointSelector: {matchLabels: {app: cache}}
  ingress:

    - fromEndpoints: [{matchLabels: {app: web}}]
      toPorts: [{ports: [{port: redis, protocol: TCP}]}]
"""


def judged(folder: Path, assertion: object) -> Judged:
    """An assertion about a small shop, with what is true of it."""
    edits = {
        **ENDPOINTS,
        "  - {from: shop/web, to: shop/db, port: 80/TCP, expect: allow}": f"  - {json.dumps(assertion)}",
    }
    manifest, _ = load(write(folder, edits, {"policies.yaml": POLICIES}))
    (found,) = judge(lock.number(manifest, lock.allocate(manifest, lock.Lock())))
    return found


@pytest.mark.parametrize("case", cases("assertions.yaml"))
def test_an_assertion_about_many_holds_only_if_every_combination_does(case: dict[str, Any], tmp_path: Path) -> None:
    found = judged(tmp_path, case["assertion"])
    ends = ", ".join(found.origins), ", ".join(found.targets)
    assert f"{ends[0]} -> {ends[1]} {', '.join(found.ports)}" == case["reads"]
    assert (found.count, found.failed, found.told) == (case["count"], case.get("failed", 0), case["failing"])
    assert found.holds == (not case["failing"])


@pytest.fixture
def manifest(tmp_path: Path) -> Path:
    """The first story, to be changed."""
    return Path(shutil.copytree(EXAMPLE, tmp_path / "manifest"))


@pytest.fixture
def wrong(manifest: Path) -> Path:
    """The first story with a wrong assertion about one flow, and one about many: the fourth and the last."""
    file = manifest / "netctl.yaml"
    text = file.read_text()
    for right, mistaken in (
        ("port: 22/TCP, expect: deny", "port: 22/TCP, expect: allow"),
        ("operator: NotIn, values: [web]", "operator: NotIn, values: [api]"),
    ):
        assert text.count(right) == 1
        text = text.replace(right, mistaken)
    file.write_text(text)
    return manifest


KEYS = ["from", "to", "port", "protocol", "expect", "got", "method", "reason", "rules", "source"]


def test_every_assertion_of_the_example_holds(manifest: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["test", str(manifest), "--format", "json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert list(found) == ["assertions", "passed", "failed"]
    assert (found["passed"], found["failed"]) == (len(found["assertions"]), 0)
    assert all(list(item)[:10] == KEYS and item["method"] == "engine" for item in found["assertions"])
    *single, many = found["assertions"]
    assert all(len(item) == 10 for item in single)
    icmp = next(item for item in single if item["protocol"] == "ICMP")
    assert icmp["port"] is None
    assert (many["to"], many["port"], many["protocol"]) == ("shop/db-1, shop/cache-1", None, "TCP, UDP")
    assert many["ports"] == ["1-65535/TCP", "53/UDP"]
    assert many["combinations"] == {"count": 131072, "failed": 0, "failing": []}


def test_an_assertion_that_fails_says_why_and_where(wrong: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["test", str(wrong)]) == 1
    shown = capsys.readouterr().out
    assert "FAIL  shop/web-1" in shown
    assert f"expected allow at netctl.yaml:{line(wrong, 'port: 22/TCP')}" in shown
    assert "no rule matched; shop/web-1 is isolated for egress by policies/web.yaml:" in shown
    assert "4 of 393216 combinations" in shown
    assert "      shop/web-1 -> shop/db-1  5432/TCP  allow  allowed by policies/web.yaml:23" in shown
    assert "      and 1 more" in shown
    assert shown.endswith("22 passed, 2 failed (judged by the policy engine).\n")


def line(folder: Path, text: str) -> int:
    """The line of the manifest's main file that holds a text."""
    return next(n for n, line in enumerate((folder / "netctl.yaml").read_text().splitlines(), 1) if text in line)


def test_combinations_that_fail_are_told_to_programs(wrong: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["test", str(wrong), "--format", "json"]) == 1
    found = json.loads(capsys.readouterr().out)
    assert (found["passed"], found["failed"]) == (22, 2)
    many = found["assertions"][-1]
    assert (many["got"], many["rules"]) == ("allow", ["policies/web.yaml:23", "policies/data.yaml:8"])
    failing = many["combinations"].pop("failing")
    assert many["combinations"] == {"count": 393216, "failed": 4}
    assert [(one["from"], one["to"], one["port"], one["end_port"]) for one in failing] == [
        (f"shop/web-{number}", target, port, port)
        for number in (1, 2)
        for target, port in (("shop/db-1", 5432), ("shop/cache-1", 6379))
    ]


def test_ci_is_told_in_junits_words(wrong: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["test", str(wrong), "--format", "junit"]) == 1
    root = ElementTree.fromstring(capsys.readouterr().out.encode())
    (suite,) = root
    assert (root.tag, suite.tag, suite.get("name")) == ("testsuites", "testsuite", "netctl test shop")
    counts = {"tests": "24", "failures": "2", "errors": "0", "skipped": "0"}
    assert {name: suite.get(name) for name in counts} == {name: root.get(name) for name in counts} == counts
    written = yaml.safe_load((wrong / "netctl.yaml").read_text())["assertions"]
    assert [case.tag for case in suite] == ["testcase"] * len(written)
    assert all(case.get("classname") == case.get("file") == "netctl.yaml" for case in suite)
    assert suite[0].get("name") == "shop/web-1 -> shop/db-1 5432/TCP allow"
    assert [place for place, case in enumerate(suite) if len(case)] == [3, 23]
    (failure,) = suite[3]
    assert (failure.tag, failure.get("type")) == ("failure", "expected allow")
    assert str(failure.get("message")).startswith("expected allow, got deny: no rule matched; shop/web-1 is isolated")
    asserted, *decided = str(failure.text).splitlines()
    assert suite[3].get("line") == str(line(wrong, "port: 22/TCP"))
    assert asserted == f"asserted at netctl.yaml:{line(wrong, 'port: 22/TCP')}"
    assert "decided by policies/web.yaml:22" in decided
    assert "and 1 more" in str(suite[23][0].text)


def test_a_manifest_that_asserts_nothing_is_an_empty_suite(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    gone = {"assertions:\n  - {from: shop/web, to: shop/db, port: 80/TCP, expect: allow}\n": ""}
    folder = str(write(tmp_path, gone, {}))
    assert main(["lock", folder]) == 0
    capsys.readouterr()
    assert main(["test", folder, "--format", "junit"]) == 0
    (suite,) = ElementTree.fromstring(capsys.readouterr().out.encode())
    assert (suite.get("tests"), len(suite)) == ("0", 0)


def test_where_packets_gave_no_verdict_ci_sees_an_error_and_not_a_failure(tmp_path: Path) -> None:
    found = judged(tmp_path, {"from": "shop/web-1", "to": "shop/db", "port": "5432/TCP", "expect": "allow"})
    silent = replace(found, answers=(Answer("unknown", "packets", "no event about the probe in 3 tries", ()),))
    (suite,) = ElementTree.fromstring(junit.text("shop", [found, silent]).encode())
    assert [[child.tag for child in case] for case in suite] == [[], ["error"]]
    assert (suite.get("failures"), suite.get("errors")) == ("0", "1")


def test_packets_overrule_the_engine_and_one_that_fails_the_others(tmp_path: Path) -> None:
    asked = {"from": "shop/web-1", "to": "shop/db", "ports": ["5432-5433/TCP"], "expect": "allow"}
    found = judged(tmp_path, asked)
    (one,) = found.combinations
    assert [flow.what for flow in one.flows] == ["5432/TCP", "5433/TCP"]
    passed, dropped = (Answer(got, "packets", got, ()) for got in ("allow", "deny"))
    tried = {one: [{4: passed, 6: passed}, {4: dropped, 6: passed}]}
    manifest, _ = load(tmp_path)
    (overruled,) = judge(lock.number(manifest, lock.allocate(manifest, lock.Lock())), tried)
    assert (overruled.holds, overruled.answer.method, overruled.answer.reason) == (False, "packets", "over IPv4: deny")
