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


def test_a_verdict_tells_that_an_endpoint_is_audited(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from tests.schemas.folders import POLICY, write

    folder = str(write(tmp_path, {"  db: {": "  db: {audit: true, "}, {"db.yaml": POLICY}))
    assert main(["lock", folder]) == 0
    words = ["policy", "verdict", folder, "--from", "203.0.113.200", "--to", "shop/db", "--port", "80/TCP"]
    capsys.readouterr()
    assert main(words) == 5
    said = capsys.readouterr().out
    assert said.startswith("deny  203.0.113.200 -> shop/db")
    assert "shop/db is audited: what its policies deny is let through" in said
    assert main([*words, "--format", "json"]) == 5
    found = json.loads(capsys.readouterr().out)
    assert [(side["endpoint"], side["verdict"], side["audited"]) for side in found["families"][0]["sides"]] == [
        ("shop/db", "deny", True)
    ]


def test_an_echo_request_is_asked_about_by_its_type_too(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["policy", "verdict", EXAMPLE, "--from", "ops/probe", "--to", "shop/web-1", "--protocol", "ICMP"]
    assert main(words) == 0
    assert main([*words, "--type", "3", "--format", "json"]) == 0
    assert json.loads(capsys.readouterr().out.partition("\n{")[2].join(("{", "")))["port"] == 3


def matrix(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    """What `netctl policy matrix` prints of the example."""
    assert main(["policy", "matrix", EXAMPLE, *words]) == 0
    return capsys.readouterr().out


def test_a_matrix_is_as_wide_as_the_terminal_and_loses_nothing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    whole = matrix(capsys).split("\n\n")[0].splitlines()
    monkeypatch.setenv("COLUMNS", "80")
    broken = matrix(capsys)
    panels = [panel.splitlines() for panel in broken.split("\n\n")[:-1]]
    assert len(panels) > 1
    assert max(len(line) for panel in panels for line in panel) <= 80
    rows = len(whole) - whole.index(next(line for line in whole if line.startswith("from")))
    joined = [" ".join(panel[-rows:][row][35:] for panel in panels).split() for row in range(rows)]
    assert joined == [line[35:].split() for line in whole[-rows:]]


def test_a_matrix_has_colours_only_where_they_are_wanted(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert "\x1b[" in matrix(capsys)
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b[" not in matrix(capsys)


def test_a_matrix_for_programs_names_groups_and_ports(capsys: pytest.CaptureFixture[str]) -> None:
    found = json.loads(matrix(capsys, "--format", "json", "--port", "5432/TCP", "--port", "22/TCP"))
    groups = {group["name"]: group for group in found["groups"]}
    assert groups["shop app=web"]["members"] == ["shop/web-1", "shop/web-2"]
    assert groups["shop app=web"]["labels"] == ["app=web"]
    reach = {(item["from"], item["to"]): item["allow"] for item in found["reach"]}
    assert reach["shop app=web", "shop app=db"] == [
        {"family": family, "protocol": "TCP", "port": 5432, "end_port": 5432} for family in ("IPv4", "IPv6")
    ]
    assert [(item["port"], item["end_port"]) for item in reach["ops app=probe", "shop app=db"]] == [(22, 22)] * 2
    assert reach["world", "shop app=db"] == []
    assert ("shop app=db", "shop app=db") not in reach


def test_a_namespace_that_is_not_there_is_met_with_one_that_is(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["policy", "matrix", EXAMPLE, "--namespace", "sohp"]) == 64
    shown = capsys.readouterr()
    assert (shown.out, 'Did you mean "shop"?' in shown.err) == ("", True)


def test_an_endpoint_is_explained_to_programs(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["policy", "explain", EXAMPLE, "--endpoint", "db-1", "--format", "json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["endpoint"], found["host"], found["labels"], found["unused"]) == ("shop/db-1", "beta", ["app=db"], [])
    ingress, egress = found["directions"]
    assert (ingress["isolated"], egress["isolated"], egress["entries"]) == (True, False, [])
    assert ingress["entries"][-1] == {
        "outcome": "allow",
        "peers": "namespace label team=ops",
        "ports": "everything",
        "means": ["ops app=probe"],
        "document": "CiliumClusterwideNetworkPolicy ops-everywhere",
        "source": "policies/ops.yaml:9",
        "matters": True,
        "fate": "matters",
        "others": ["policies/ops.yaml:19"],
        "empty_selectors": [],
    }


def test_only_an_endpoint_can_be_explained(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["policy", "explain", EXAMPLE, "--endpoint", "shop/db-2"]) == 64
    shown = capsys.readouterr()
    assert '--endpoint: "shop/db-2" is not an endpoint' in shown.err
    assert 'Did you mean "shop/db-1"?' in shown.err
