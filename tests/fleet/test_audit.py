"""Audit on hosts: a policy is tried before it bites. Packets pass that it denies, and whoever listens is told of it."""

from __future__ import annotations

import json
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

from tests.fleet.conversation import listening, speak
from tests.fleet.monitor import monitor
from tests.fleet.town import Town

ENFORCED, AUDITED = "db-1: {host: beta,", "db-1: {audit: true, host: beta,"
EVERYBODY = "cluster: {name: pair, id: 7, audit: true}"
REFUSED = "timed out"
FAMILIES = ("ipv4", "ipv6")


def test_audit_is_one_change_of_one_entry_there_and_back(town: Town) -> None:
    change = f"beta update endpoint {town.endpoint('shop/db-1').id}"
    for old, new, spoken in ((ENFORCED, AUDITED, "false -> true"), (AUDITED, ENFORCED, "true -> false")):
        town.edit(old, new)
        plan = town.plan()
        (found,) = plan["changes"]
        assert f"{found['host']} {found['actions'][0]} {found['kind']} {found['address']}" == change
        before, after = found["before"], found["after"]
        assert {key for key in before if before[key] != after[key]} == {"audit"}
        assert f" audit = {spoken} " in town.netctl("plan").out
        town.settle()


def test_what_an_audited_endpoint_denies_passes_and_is_shown(town: Town) -> None:
    db = town.endpoint("shop/db-1")
    with listening(town, "shop/db-1", ports=(22, 5432)):
        assert speak(town, "shop/cache-1", "UDP", db.ipv4, 22, patience=0.3) == REFUSED
        town.edit(ENFORCED, AUDITED)
        town.settle()
        with monitor(town, 2, "--type", "verdict") as said:
            for family in FAMILIES:
                address = getattr(db, family)
                for protocol, seen in (("UDP", 8), ("TCP", 8), ("ICMP", 8)):
                    assert speak(town, "shop/cache-1", protocol, address, 22, patience=5)[1] == seen
            events = [event for event in said(12) if " beta " in event[0]]
        assert len(events) == 6
        for first, second in events:
            assert " beta AUDIT ingress: shop/cache-1 (" in first
            assert (
                ": let through, as shop/db-1 is audited: no rule matched; shop/db-1 is isolated for ingress" in second
            )
        # the sender's own policy denies all the same
        assert speak(town, "shop/web-1", "UDP", db.ipv4, 22, patience=0.3) == REFUSED
        town.edit(AUDITED, ENFORCED)
        town.settle()
        assert speak(town, "shop/cache-1", "UDP", db.ipv4, 22, patience=0.3) == REFUSED


def test_programs_are_told_of_an_audit_with_its_rule_and_of_nothing_else(town: Town) -> None:
    town.edit(ENFORCED, AUDITED)
    town.apply()
    db = town.endpoint("shop/db-1")
    with monitor(town, 1, "--type", "audit", "--format", "json") as said:
        speak(town, "shop/web-1", "TCP", db.ipv4, 5432, patience=1)  # is allowed
        speak(town, "ops/probe", "TCP", db.ipv4, 5432, patience=1)
        ((line,),) = said(1)
    event: dict[str, Any] = json.loads(line)
    assert (event["host"], event["type"], event["direction"]) == ("beta", "audit", "ingress")
    assert (event["source"]["name"], event["endpoint"]) == ("ops/probe", "shop/db-1")
    assert (event["drop_reason"], event["rules"]) == ("denied by rule", ["policies.yaml:18"])
    assert event["reason"] == "let through, as shop/db-1 is audited: denied by policies.yaml:18"


def test_assertions_are_about_the_policy_of_audited_endpoints_too(town: Town) -> None:
    """Every packet passes, and packets are judged as the engine judges."""
    town.edit("cluster: {name: pair, id: 7}", EVERYBODY)
    town.settle()
    town.passes()
    town.agrees()
    report = town.netctl("test", "--live", "--format", "json").json["assertions"]
    denied = {(item["from"], item["to"]): item["reason"] for item in report if item["got"] == "deny"}
    assert denied["ops/probe", "shop/db-1"] == "let through, as shop/db-1 is audited: denied by policies.yaml:18"
    assert all(reason.startswith("let through, as ") for reason in denied.values())


def test_status_shows_who_is_audited_on_each_host(town: Town) -> None:
    town.edit(ENFORCED, AUDITED)
    town.settle()
    assert "audited, so that no policy of theirs denies anything: shop/db-1\n" in town.netctl("status").out
    hosts = town.netctl("status", "--format", "json").json["hosts"]
    assert {host["host"]: host["audited"] for host in hosts} == {"alpha": [], "beta": ["shop/db-1"]}


STEADY = """
import json, socket, sys, threading
sock = socket.socket(socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET, socket.SOCK_DGRAM)
sock.connect((sys.argv[1], int(sys.argv[2])))
sock.settimeout(2)
ended = threading.Event()
threading.Thread(target=lambda: (sys.stdin.read(), ended.set()), daemon=True).start()
sent = lost = 0
while not ended.is_set():
    sock.send(bytes(8))
    sent += 1
    try:
        sock.recv(65535)
    except OSError:
        lost += 1
    if sent == 1:
        print("speaking", flush=True)
print(json.dumps([sent, lost]))
"""


@contextmanager
def steadily(town: Town, place: str, addresses: list[object], port: int) -> Generator[None]:
    """While entered, somebody asks again as soon as there is an answer; afterwards each question must have had one."""
    started = [town.start(place, "python3", "-c", STEADY, str(address), str(port)) for address in addresses]
    said = []
    try:
        for process in started:
            assert process.stdout is not None
            assert process.stdout.readline() == "speaking\n", process.communicate("")[1]
        yield
    finally:
        said = [process.communicate("")[0] for process in started]
    for sent, lost in map(json.loads, said):
        assert (sent > 100, lost) == (True, 0), said


GRANTED = """---
apiVersion: cilium.io/v2
kind: CiliumNetworkPolicy
metadata: {name: granted, namespace: shop}
spec:
  endpointSelector: {matchLabels: {app: db}}
  ingress: [{fromEndpoints: [{matchLabels: {app: cache}}]}]
"""


def test_where_in_one_change_policy_and_audit_take_turns_nothing_is_lost(town: Town) -> None:
    policies = town.folder / "policies.yaml"
    text = policies.read_text()
    policies.write_text(text + GRANTED)
    town.apply()
    db = town.endpoint("shop/db-1")
    with listening(town, "shop/db-1", ports=(5432,)), steadily(town, "shop/cache-1", [db.ipv4, db.ipv6], 5432):
        policies.write_text(text)
        town.edit(ENFORCED, AUDITED)
        town.settle()
        policies.write_text(text + GRANTED)
        town.edit(AUDITED, ENFORCED)
        town.settle()
