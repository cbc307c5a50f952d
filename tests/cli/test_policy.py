"""`netctl policy`: the example's session word for word, and what is said to those who mistype.

`NETCTL_GOLDEN=write pytest tests/cli/test_policy.py` writes the session anew; read the difference before committing.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from cli.app import main
from tests.cli.session import replay

ROOT = Path(__file__).parents[2]
SESSION = ROOT / "examples" / "three-hosts" / "policy.txt"
EXAMPLE = str(ROOT / "examples" / "three-hosts")


def test_the_session_of_the_example_goes_as_it_is_written(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(ROOT)
    monkeypatch.setenv("COLUMNS", "120")
    today = replay(SESSION.read_text(), capsys)
    if os.environ.get("NETCTL_GOLDEN") == "write":
        SESSION.write_text(today)
    assert today == SESSION.read_text()


MISTAKES = {
    "--from web-3 --to db-1 --port 80/TCP": (
        '--from: "web-3" is not an endpoint, a host or an address',
        'Did you mean "web-2"?',
    ),
    "--from shop/wbe-1 --to db-1 --port 80/TCP": (
        '--from: "shop/wbe-1" is not an endpoint, a host or an address',
        'Did you mean "shop/web-1"?',
    ),
    "--from web-1 --to gama --port 80/TCP": (
        '--to: "gama" is not an endpoint, a host or an address',
        'Did you mean "gamma"?',
    ),
    "--from web-1 --to db-1 --port 80": ('--port: "80" is not a port with its protocol', "Write 80/TCP"),
    "--from web-1 --to db-1 --port 0/TCP": ('--port: "0/TCP" is not a port', "Write 80/TCP"),
    "--from web-1 --to db-1": ("what flow is meant is not said", "Give --port 80/TCP"),
    "--from web-1 --to db-1 --protocol TCP": ("--protocol is for ICMP alone", "A port names its protocol"),
    "--from web-1 --to db-1 --protocol ICMP --type 256": ("--type: 256 is no type of ICMP", "0 to 255"),
    "--from web-1 --to db-1 --port 80/TCP --type 8": ("--type without --protocol ICMP", "Only ICMP has types"),
}


@pytest.mark.parametrize("words", MISTAKES)
def test_a_flow_that_cannot_be_is_met_with_what_can(words: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["policy", "verdict", EXAMPLE, *words.split()]) == 64
    shown = capsys.readouterr()
    assert shown.out == ""
    for expected in MISTAKES[words]:
        assert expected in shown.err


def test_a_name_that_two_namespaces_use_is_asked_back(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from tests.schemas.folders import write

    web = "  ops/db: {host: alpha, attach: {netns: ops-db}}\n"
    folder = str(
        write(tmp_path, {"namespaces:\n": "namespaces:\n  ops: {}\n", "assertions:\n": f"{web}assertions:\n"}, {})
    )
    assert main(["lock", folder]) == 0
    capsys.readouterr()
    assert main(["policy", "verdict", folder, "--from", "web", "--to", "db", "--port", "80/TCP"]) == 64
    assert '--to: "db" is the name of ops/db and shop/db' in capsys.readouterr().err


def test_a_verdict_for_programs_says_who_decided_and_what_is_lacking(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["--from", "web-1", "--to", "db-1", "--port", "5433/TCP", "--format", "json"]
    assert main(["policy", "verdict", EXAMPLE, *words]) == 5
    found = json.loads(capsys.readouterr().out)
    assert [found[key] for key in ("from", "to", "protocol", "port", "verdict")] == [
        "shop/web-1", "shop/db-1", "TCP", 5433, "deny",
    ]  # fmt: skip
    assert [family["family"] for family in found["families"]] == ["IPv4", "IPv6"]
    ingress = found["families"][0]["sides"][1]
    assert (ingress["direction"], ingress["endpoint"], ingress["verdict"]) == ("ingress", "shop/db-1", "deny")
    assert "policies/data.yaml:7" in ingress["rules"]
    assert ingress["nearest"] == [
        {
            "rule": "policies/data.yaml:8",
            "document": "CiliumNetworkPolicy shop/db",
            "lacks": [{"about": "port", "wants": "for port postgres/TCP (5432)", "has": "this is 5433/TCP"}],
        }
    ]


def test_an_echo_request_is_asked_about_by_its_type_too(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["policy", "verdict", EXAMPLE, "--from", "ops/probe", "--to", "shop/web-1", "--protocol", "ICMP"]
    assert main(words) == 0
    assert main([*words, "--type", "3", "--format", "json"]) == 0
    assert json.loads(capsys.readouterr().out.partition("\n{")[2].join(("{", "")))["port"] == 3
