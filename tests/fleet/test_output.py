"""How every command ends and what it prints where: exit codes, streams, colour, JSON, Markdown."""

from __future__ import annotations

import json
import os
import pty
import re
import subprocess
import sys

import pytest

from inventory import session
from inventory.lab import power
from tests.fleet.town import ROOT, Town, netctl

ESCAPE = "\x1b"
DRIFT = "ip link set nc-overlay mtu 1300"


def test_each_ending_has_its_code(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(session, "CONNECT", 3.0)
    codes = {"nothing to do": town.netctl("plan", "--detailed-exitcode").code}
    town.on("alpha", DRIFT)
    codes["changes"] = town.netctl("plan").code
    codes["changes, asked for"] = town.netctl("plan", "--detailed-exitcode").code
    codes["drift, asked for"] = town.netctl("status", "--detailed-exitcode").code
    codes["nobody to ask"] = town.netctl("apply").code
    codes["an unknown host"] = town.netctl("plan", "--host", "delta").code
    codes["no such option"] = town.netctl("plan", "--colour").code
    codes["done"] = town.netctl("apply", "--yes").code
    (town.folder / "netctl.yaml").write_text("cluster: shop\n")
    codes["an invalid manifest"] = town.netctl("plan").code
    town.restore()
    town.edit("port: 22/TCP, expect: deny", "port: 22/TCP, expect: allow")
    codes["an assertion that does not hold"] = town.netctl("test", "--live").code
    town.restore()
    codes["no such plan"] = netctl("apply", str(town.folder / "none.json"), "--lab", "--yes").code
    town.on("alpha", "ip route add 10.42.33.0/24 dev eth0")
    power.off(town.folder, "beta")
    codes["unreachable"] = town.netctl("plan").code
    codes["unreachable, of a selection"] = town.netctl("plan", "--label", "zone=a").code
    codes["unreachable, status"] = town.netctl("status").code
    town.on("alpha", "ip route del 10.42.33.0/24; ip link property del dev nc-0ec9 altname netctl.shop.web-1")
    codes["something in the way, and unreachable"] = town.netctl("plan").code
    town.on("alpha", "ip link property add dev nc-0ec9 altname netctl.shop.web-1")
    power.on(town.folder, "beta")
    town.settle()
    codes["destroyed"] = town.netctl("destroy", "--yes").code
    codes["destroyed already"] = town.netctl("destroy", "--yes").code
    assert codes == {
        "nothing to do": 0,
        "changes": 0,
        "changes, asked for": 2,
        "drift, asked for": 2,
        "nobody to ask": 64,
        "an unknown host": 64,
        "no such option": 64,
        "done": 0,
        "an invalid manifest": 65,
        "an assertion that does not hold": 1,
        "no such plan": 65,
        "unreachable": 4,
        "unreachable, of a selection": 0,
        "unreachable, status": 4,
        "something in the way, and unreachable": 3,
        "destroyed": 0,
        "destroyed already": 0,
    }


JSON = [
    ("plan",),
    ("plan", "--host", "alpha"),
    ("status",),
    ("test", "--live"),
    ("apply", "--yes"),
    ("destroy", "--yes"),
]


@pytest.mark.parametrize("words", JSON, ids=" ".join)
def test_json_is_one_document_and_nothing_else(town: Town, words: tuple[str, ...]) -> None:
    town.on("alpha", DRIFT)
    done = town.netctl(*words, "--format", "json")
    assert isinstance(done.json, dict)
    assert ESCAPE not in done.out + done.err
    assert done.err == ""


def test_json_of_a_plan_has_what_programs_need(town: Town) -> None:
    town.on("alpha", f"{DRIFT}; ip route del 10.42.21.0/24; ip route add 10.42.77.0/24 dev nc-overlay proto 110")
    plan = town.plan()
    assert plan["format_version"] == "1.1"
    assert plan["summary"] == {"add": 1, "change": 1, "destroy": 1}
    by_kind = {(item["kind"], item["actions"][0]): item for item in plan["changes"]}
    device = by_kind["device", "update"]
    assert (device["before"]["mtu"], device["after"]["mtu"]) == (1300, 1450)
    assert device["source"] == {"file": "netctl.yaml", "line": 8}
    created, deleted = by_kind["route", "create"], by_kind["route", "delete"]
    assert (created["before"], created["after"]["destination"]) == (None, "10.42.21.0/24")
    assert (deleted["after"], deleted["before"]["destination"], deleted["source"]) == (None, "10.42.77.0/24", None)
    again = town.plan()
    assert again == plan


def test_the_result_stands_on_standard_output_and_complaints_on_the_other(town: Town) -> None:
    town.on("alpha", "ip link property del dev nc-0ec9 altname netctl.shop.web-1")
    done = town.netctl("plan")
    town.on("alpha", "ip link property add dev nc-0ec9 altname netctl.shop.web-1")
    assert "Error: device nc-0ec9 exists and is not netctl's" in done.err
    assert "Error:" not in done.out
    assert "beta: no changes" in done.out


@pytest.mark.parametrize("words", [("monitor", "--timeout", "1"), ("test", "--live")], ids=" ".join)
def test_where_nothing_is_applied_one_is_told_to_apply(bare: Town, words: tuple[str, ...]) -> None:
    done = bare.netctl(*words)
    assert done.code == 3, done.out + done.err
    assert "nothing of netctl is applied on this host" in done.err
    assert "Run `netctl apply`" in done.err


def test_markdown_is_for_pull_requests(town: Town) -> None:
    town.on("alpha", DRIFT)
    text = town.netctl("plan", "--format", "markdown").out
    assert "1300 -> 1450" in text
    assert "```diff" in text
    assert re.search(r"^[!+~-].*nc-overlay", text, re.MULTILINE)
    assert ESCAPE not in text


def on_a_terminal(town: Town, **environment: str) -> str:
    """What a person at a terminal sees of a plan."""
    ours, theirs = pty.openpty()
    command = [sys.executable, str(ROOT / "netctl.py"), "plan", str(town.folder), "--lab"]
    basic = {"PATH": os.environ["PATH"], "TERM": "xterm", "COLUMNS": "100"}
    with subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, env=basic | environment) as process:
        os.close(theirs)
        seen = b""
        while True:
            try:
                seen += os.read(ours, 65536)
            except OSError:
                break
        assert process.wait() == 0
    os.close(ours)
    return seen.decode()


def test_colour_is_for_terminals_and_for_those_who_want_it(town: Town) -> None:
    town.on("alpha", DRIFT)
    colour = re.compile(r"\x1b\[[0-9;]*m")
    assert colour.search(on_a_terminal(town))
    assert not colour.search(on_a_terminal(town, NO_COLOR="1"))
    assert ESCAPE not in town.netctl("plan").out


def test_one_host_s_json_is_the_same_as_in_the_whole(town: Town) -> None:
    town.on("alpha", DRIFT)
    whole, part = town.plan(), town.plan("--host", "alpha")
    assert [host["host"] for host in part["hosts"]] == ["alpha"]
    assert part["changes"] == [change for change in whole["changes"] if change["host"] == "alpha"]
    assert json.dumps(part["hosts"][0]) == json.dumps(whole["hosts"][0])
