"""Packets tell: `netctl test --live` and `netctl monitor`, on hosts that were applied to over SSH."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.fleet.conversation import speak
from tests.fleet.look import changed, look_at_all
from tests.fleet.monitor import monitor
from tests.fleet.town import BY_ADDRESS, ROOT, Town, netctl

EXAMPLES = sorted(path.parent.name for path in (ROOT / "examples").glob("*/netctl.yaml"))


@pytest.mark.parametrize("example", EXAMPLES)
def test_every_example_holds_on_hosts_and_leaves_them_as_they_were(example: str, tmp_path: Path) -> None:
    town = Town(tmp_path / example, ROOT / "examples" / example)
    try:
        town.boot()
        before = look_at_all(town)
        town.settle()
        town.passes()
        town.agrees()
        town.destroy()
        left = changed(before, look_at_all(town))
        assert not left, left
    finally:
        town.down()


def test_the_report_of_a_test_has_what_programs_need(town: Town) -> None:
    town.edit("port: 22/TCP, expect: deny", "port: 22/TCP, expect: allow")
    done = town.netctl("test", "--live", "--format", "json")
    assert done.code == 1
    report = done.json
    assert set(report) == {"assertions", "passed", "failed"}
    assert (report["passed"], report["failed"]) == (14, 1)
    wanted = {"from", "to", "port", "protocol", "expect", "got", "method", "reason", "rules", "source"}
    assert all(wanted <= set(item) for item in report["assertions"])
    assert [item["source"] for item in report["assertions"]] == [f"netctl.yaml:{line}" for line in range(19, 34)]
    (failed,) = [item for item in report["assertions"] if item["got"] != item["expect"]]
    assert failed["source"] == "netctl.yaml:20"
    assert failed["rules"] == ["policies.yaml:53"]
    assert failed["reason"] == "no rule matched; shop/web-1 is isolated for egress by policies.yaml:53"
    by_source = {item["source"]: item for item in report["assertions"]}
    assert "policies.yaml:15" in by_source["netctl.yaml:19"]["rules"]
    assert by_source["netctl.yaml:24"]["rules"] == ["policies.yaml:18"]
    assert by_source["netctl.yaml:25"]["reason"] == "a host always reaches its own endpoints"


def test_a_program_that_does_not_judge_is_found_out(town: Town) -> None:
    """Whatever netctl thinks it has applied: the answer comes from the packets."""
    town.on("beta", "rm /sys/fs/bpf/netctl/links/nc-0883-*")
    done = town.netctl("test", "--live", "--format", "json")
    assert done.code == 1
    wrong = [item for item in done.json["assertions"] if item["got"] != item["expect"]]
    assert {item["to"] for item in wrong} == {"shop/db-1"}


def test_an_assertion_holds_only_if_it_does_in_both_families(town: Town) -> None:
    policies = town.folder / "policies.yaml"
    lines = len(policies.read_text().splitlines())
    policies.write_text(policies.read_text() + BY_ADDRESS)
    town.apply()
    for method in (("test", "--live"), ("test",)):
        words = [*method[1:], "--format", "json"]
        done = town.netctl("test", *words) if method[1:] else netctl("test", str(town.folder), *words)
        (wrong,) = [item for item in done.json["assertions"] if item["got"] != item["expect"]]
        assert (done.code, wrong["source"], wrong["got"]) == (1, "netctl.yaml:22", "allow")
        assert wrong["reason"].startswith("over IPv6: ")
        assert wrong["rules"][-1] == f"policies.yaml:{lines + 8}"


def test_what_packets_cannot_decide_is_left_to_the_engine(town: Town) -> None:
    """An endpoint that talks to itself, and one whose namespace is not there yet."""
    town.edit("to: shop/cache-1, port: 6379/TCP", "to: shop/web-1, port: 6379/TCP")
    town.edit(
        "  probe: {host: beta,",
        "  late: {host: beta, namespace: ops, attach: {netns: late, create: false}}\n  probe: {host: beta,",
    )
    town.edit("{from: ops/probe, to: shop/web-1, protocol: ICMP", "{from: ops/late, to: shop/web-1, protocol: ICMP")
    town.apply()
    done = town.netctl("test", "--live", "--format", "json")
    assert done.code == 0, done.out + done.err
    methods = {(item["from"], item["to"]): item["method"] for item in done.json["assertions"]}
    assert methods["shop/web-1", "shop/web-1"] == methods["ops/late", "shop/web-1"] == "engine"
    assert methods["shop/web-1", "shop/db-1"] == "packets"


def test_a_drop_is_shown_with_both_ends_and_its_reason(town: Town) -> None:
    web, cache, db, probe = (town.endpoint(key) for key in ("shop/web-1", "shop/cache-1", "shop/db-1", "ops/probe"))
    with monitor(town, 2, "--type", "drop") as said:
        speak(town, "shop/cache-1", "UDP", db.ipv4, 5432, patience=0.1)
        speak(town, "ops/probe", "UDP", web.ipv6, 9, patience=0.1)  # is allowed: no drop
        speak(town, "shop/web-1", "UDP", cache.ipv6, 9, patience=0.1)
        speak(town, "ops/probe", "TCP", db.ipv4, 5432, patience=0.1)
        first, second, third = ([line.rstrip("\n") for line in event] for event in said(3))
    moment = r"^\d\d:\d\d:\d\d\.\d\d\d "
    assert re.match(
        moment + rf"beta DROP ingress: shop/cache-1 \({cache.ipv4}:\d+\) -> shop/db-1 \({db.ipv4}:5432\) UDP$", first[0]
    ), first
    assert first[1] == (
        "    app=cache namespace=shop -> app=db namespace=shop: no rule matched; shop/db-1 is isolated for ingress by "
        "policies.yaml:6, policies.yaml:14, policies.yaml:35"
    )
    assert re.match(
        moment + rf"alpha DROP egress: shop/web-1 \(\[{web.ipv6}\]:\d+\) -> shop/cache-1 \(\[{cache.ipv6}\]:9\) UDP$",
        second[0],
    ), second
    assert second[1].endswith("no rule matched; shop/web-1 is isolated for egress by policies.yaml:53")
    assert re.match(moment + r"beta DROP ingress: ops/probe .* -> shop/db-1 .*:5432\) TCP$", third[0]), third
    assert third[1] == "    app=probe namespace=ops -> app=db namespace=shop: denied by policies.yaml:18"
    assert probe.host == "beta"


def test_events_for_programs_are_one_object_a_line(town: Town) -> None:
    db, web = town.endpoint("shop/db-1"), town.endpoint("shop/web-1")
    with monitor(town, 1, "--format", "json", "--type", "verdict", "--type", "drop") as said:
        speak(town, "shop/web-1", "TCP", db.ipv4, 5432, patience=1)  # nobody listens: the host says so at once
        speak(town, "shop/web-1", "TCP", db.ipv4, 22, patience=0.1)
        events: list[dict[str, Any]] = [json.loads(line) for (line,) in said(3)]
    assert [(item["host"], item["type"], item["direction"]) for item in events] == [
        ("alpha", "verdict", "egress"),
        ("beta", "verdict", "ingress"),
        ("alpha", "drop", "egress"),
    ]
    assert [item["rules"] for item in events] == [["policies.yaml:54"], ["policies.yaml:15"], ["policies.yaml:53"]]
    assert [item["time"] for item in events] == sorted(item["time"] for item in events)
    assert all(item["protocol"] == "TCP" for item in events)
    assert events[2]["drop_reason"] == "denied by default"
    assert (events[0]["source"]["name"], events[0]["destination"]["name"]) == ("shop/web-1", "shop/db-1")
    assert (events[1]["source"]["identity"], events[1]["destination"]["identity"]) == (web.identity, db.identity)
    assert events[1]["source"]["labels"] == "app=web namespace=shop"
    assert (events[1]["destination"]["address"], events[1]["destination"]["port"]) == (str(db.ipv4), 5432)


def test_only_the_hosts_and_types_asked_for_are_shown(town: Town) -> None:
    """Every packet of endpoints that passes on one of both hosts; somebody knocks all the while."""
    db = town.endpoint("shop/db-1")
    knock = f"for i in {{1..60}}; do : > /dev/tcp/{db.ipv4}/5432; sleep .1; done 2> /dev/null"
    only = ("--host", "beta", "--type", "trace", "--count", "3", "--timeout", "10")
    with town.start("shop/web-1", "bash", "-c", knock) as knocking:
        done = town.netctl("monitor", *only, "--format", "json")
        knocking.kill()
    assert done.code == 0, done.err
    shown = [(item["host"], item["type"], item["protocol"]) for item in map(json.loads, done.out.splitlines())]
    assert shown == [("beta", "trace", "TCP")] * 3
    assert not re.search("no policy isolates", done.out), "a packet of a connection that a rule allowed"
