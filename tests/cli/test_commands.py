"""plan, apply and destroy against hosts in memory: what is printed, what is done, and the exit code of each ending."""

from __future__ import annotations

import io
import json
import re
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import cli.connect
from cli.app import main
from tests.cli import fake_fleet
from tests.cli.fake_fleet import FakeHost

EXAMPLE = Path(__file__).parent.parent.parent / "examples" / "three-hosts"


@pytest.fixture
def hosts(monkeypatch: pytest.MonkeyPatch) -> dict[str, FakeHost]:
    """Three hosts, reached whatever the options say."""
    members = fake_fleet.three()
    monkeypatch.setattr(cli.connect, "connect", fake_fleet.connector(members))
    return members


def fine(hosts: dict[str, FakeHost]) -> None:
    """Nothing happens to the hosts."""


def away(hosts: dict[str, FakeHost]) -> None:
    """One host cannot be reached."""
    hosts["beta"].error = fake_fleet.unreachable()


def locked(hosts: dict[str, FakeHost]) -> None:
    """One host is being changed by somebody else."""
    hosts["beta"].refuses = fake_fleet.locked()


def refusing(hosts: dict[str, FakeHost]) -> None:
    """One host fails in the middle."""
    hosts["beta"].refuses = fake_fleet.broken()


def forgetful(hosts: dict[str, FakeHost]) -> None:
    """One host says it has done everything, and has not."""
    hosts["beta"].forgets = "route"


def away_and_refusing(hosts: dict[str, FakeHost]) -> None:
    """One host cannot be reached, another one fails."""
    hosts["alpha"].error = fake_fleet.unreachable()
    refusing(hosts)


CODES: list[tuple[list[str], Callable[[dict[str, FakeHost]], None], int]] = [
    (["plan"], fine, 0),
    (["plan", "--detailed-exitcode"], fine, 2),
    (["plan"], away, 4),
    (["plan", "--detailed-exitcode"], away, 4),
    (["plan", "--host", "alpha"], away, 0),
    (["apply", "--yes"], fine, 0),
    (["apply"], fine, 64),
    (["apply", "--yes"], away, 4),
    (["apply", "--yes"], locked, 7),
    (["apply", "--yes"], refusing, 3),
    (["apply", "--yes"], forgetful, 3),
    (["apply", "--yes"], away_and_refusing, 3),
    (["destroy", "--yes"], fine, 0),
    (["destroy"], fine, 64),
    (["destroy", "--yes"], away, 4),
]


@pytest.mark.parametrize(("words", "happens", "code"), CODES)
def test_every_ending_has_its_exit_code(
    folder: Path,
    hosts: dict[str, FakeHost],
    words: list[str],
    happens: Callable[[dict[str, FakeHost]], None],
    code: int,
) -> None:
    happens(hosts)
    assert main([words[0], str(folder), *words[1:]]) == code


DECODED: dict[tuple[str, str, str], dict[str, Any]] = {
    ("alpha", "policy", "egress of shop app=web"): {
        "peer": "198.51.100.0/24",
        "peer_name": "198.51.100.0/24",
        "decided_by": "policies/web.yaml:32",
    },
    ("beta", "policy", "ingress of shop app=db"): {
        "peer_name": "app=web namespace=shop",
        "first": 5432,
        "decided_by": "policies/data.yaml:8",
    },
    ("alpha", "policy", "ingress of shop app=web"): {
        "peer": "1",
        "peer_name": "host",
        "decided_by": "a host always reaches its own endpoints",
    },
    ("alpha", "peer", "10.42.21.141 shop/web-2"): {"labels": "app=web namespace=shop", "host": 2, "host_name": "beta"},
    ("alpha", "peer", "10.42.26.180 shop/web-1"): {"labels": "app=web namespace=shop", "host": 0, "host_name": None},
    ("alpha", "peer", "10.42.21.1 beta"): {"identity": 6, "labels": "remote-node", "host_name": "beta"},
    ("alpha", "tunnel", "to beta"): {"underlay": "203.0.113.12"},
    ("alpha", "block", "198.51.100.0/24"): {"endpoints": False},
    ("alpha", "endpoint", "3785 shop/web-1"): {"device": "nc-0ec9"},
}


@pytest.mark.parametrize("place", DECODED, ids=" ".join)
def test_in_the_json_of_a_plan_numbers_of_map_entries_stand_beside_what_they_mean(
    folder: Path, hosts: dict[str, FakeHost], capsys: pytest.CaptureFixture[str], place: tuple[str, str, str]
) -> None:
    assert main(["plan", str(folder), "--format", "json"]) == 0
    changes = json.loads(capsys.readouterr().out)["changes"]
    (change,) = [item for item in changes if (item["host"], item["kind"], item["description"]) == place]
    shown = change["after"].get("entries", [change["after"]])
    assert any(DECODED[place].items() <= item.items() for item in shown), shown


@pytest.mark.parametrize("words", [["paln"], ["plan", "--fromat", "json"], ["plan", "--format", "xml"], ["lab"], []])
def test_a_wrong_command_line_is_64(words: list[str]) -> None:
    assert main(words) == 64


def test_a_wrong_manifest_is_65(tmp_path: Path) -> None:
    (tmp_path / "netctl.yaml").write_text("cluster: {name: shop, id: 1, id: 2}\n")
    assert main(["plan", str(tmp_path)]) == 65


def test_after_apply_the_plan_is_empty(
    folder: Path, hosts: dict[str, FakeHost], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["apply", str(folder), "--yes"]) == 0
    assert "Apply complete!" in capsys.readouterr().out
    assert main(["plan", str(folder), "--detailed-exitcode"]) == 0
    assert "No changes. Every host is what the manifest says." in capsys.readouterr().out


def test_one_host_failing_hides_no_other(
    folder: Path, hosts: dict[str, FakeHost], capsys: pytest.CaptureFixture[str]
) -> None:
    refusing(hosts)
    assert main(["apply", str(folder), "--yes"]) == 3
    shown = capsys.readouterr()
    assert "alpha: applied" in shown.out
    assert "beta: failed" in shown.out
    assert "gamma: applied" in shown.out
    assert "No space left on device" in shown.err
    del hosts["beta"]  # the others are done
    assert main(["plan", str(folder), "--detailed-exitcode"]) == 0


def test_no_host_moves_on_while_another_has_not_learned_what_is_new(
    folder: Path, hosts: dict[str, FakeHost], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["apply", str(folder), "--yes"]) == 0
    written = (folder / "netctl.yaml").read_text()
    (folder / "netctl.yaml").write_text(written.replace("labels: {app: cache}", "labels: {app: store}"))
    assert main(["lock", str(folder)]) == 0
    refusing(hosts)
    assert main(["apply", str(folder), "--yes"]) == 3
    shown = capsys.readouterr()
    assert "alpha: held back" in shown.out
    assert "host alpha did not go on, because beta failed" in shown.err
    hosts["beta"].refuses = None
    assert main(["apply", str(folder), "--yes"]) == 0
    assert main(["plan", str(folder), "--detailed-exitcode"]) == 0


def test_destroy_takes_everything_away(folder: Path, hosts: dict[str, FakeHost]) -> None:
    assert main(["apply", str(folder), "--yes"]) == 0
    assert main(["destroy", str(folder), "--yes"]) == 0
    found = ((kind, values) for host in hosts.values() for kind, values in host.found.items())
    assert [kind for kind, values in found if values and kind != "sysctl"] == []


def test_a_saved_plan_is_applied_without_the_manifest(tmp_path: Path, folder: Path, hosts: dict[str, FakeHost]) -> None:
    saved = tmp_path / "plan.json"
    assert main(["plan", str(folder), "--out", str(saved)]) == 0
    moved = folder.rename(tmp_path / "elsewhere")
    assert main(["apply", str(saved), "--yes"]) == 0
    assert main(["plan", str(moved), "--detailed-exitcode"]) == 0


def test_a_saved_plan_is_refused_where_the_host_has_moved(
    tmp_path: Path, folder: Path, hosts: dict[str, FakeHost], capsys: pytest.CaptureFixture[str]
) -> None:
    saved = tmp_path / "plan.json"
    assert main(["plan", str(folder), "--out", str(saved)]) == 0
    assert main(["apply", str(folder), "--host", "beta", "--yes"]) == 0
    capsys.readouterr()
    assert main(["apply", str(saved), "--yes"]) == 6
    shown = capsys.readouterr()
    assert "beta: refused, nothing was changed" in shown.out
    assert "alpha: applied" in shown.out


@pytest.mark.parametrize("drifted", [[], ["alpha"], ["beta"], ["alpha", "beta"]], ids=" ".join)
@pytest.mark.parametrize("empty", [False, True], ids=["a plan", "a plan of nothing"])
def test_what_a_saved_plan_leaves_different_is_told(
    tmp_path: Path,
    folder: Path,
    hosts: dict[str, FakeHost],
    drifted: list[str],
    empty: bool,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["apply", str(folder), "--yes"]) == 0
    saved = tmp_path / "plan.json"
    if not empty:
        del hosts["alpha"].found["route"]["10.42.21.0/24"]
    assert main(["plan", str(folder), "--out", str(saved)]) == 0
    for name in drifted:
        del hosts[name].found["link"]["nc-overlay"]
    capsys.readouterr()
    assert main(["apply", str(saved), "--yes", "--format", "json"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert [(item["host"], item["detail"].splitlines()[0]) for item in result["warnings"]] == [
        (name, "+ link nc-overlay") for name in drifted
    ]
    assert result["summary"]["add"] == (0 if empty else 1)


def test_a_host_that_cannot_be_asked_about_the_rest_is_told_and_no_failure(
    tmp_path: Path, folder: Path, hosts: dict[str, FakeHost], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["apply", str(folder), "--yes"]) == 0
    saved = tmp_path / "plan.json"
    assert main(["plan", str(folder), "--out", str(saved)]) == 0
    away(hosts)
    capsys.readouterr()
    assert main(["apply", str(saved), "--yes"]) == 0
    shown = capsys.readouterr()
    assert "No changes. The saved plan is empty." in shown.out
    assert "whether host beta is what the manifest says is not known" in shown.err
    assert "alpha" not in shown.err


def test_a_host_that_answered_and_could_not_be_observed_is_not_called_unreachable(
    folder: Path, hosts: dict[str, FakeHost], capsys: pytest.CaptureFixture[str]
) -> None:
    away(hosts)
    hosts["alpha"].error = fake_fleet.broken()
    words = ["status", str(folder), "--host", "alpha", "--host", "beta"]
    assert main(words) == 3
    shown = capsys.readouterr().out.splitlines()
    assert shown[:2] == [
        "alpha: not observed, the host refused: No space left on device",
        "beta: unreachable, host beta cannot be reached",
    ]
    assert shown[-1] == "0 in sync, 0 drifted, 1 unreachable, 1 not observed."
    assert main([*words, "--format", "json"]) == 3
    told = json.loads(capsys.readouterr().out)["hosts"]
    assert [(host["host"], host["reachable"], host["in_sync"]) for host in told] == [
        ("alpha", True, False),
        ("beta", False, False),
    ]


GONE = object()
"""Stands for a key that is taken away."""

NO_PLANS: list[tuple[str, object, str]] = [
    ("files", GONE, "It has no manifest in it."),
    ("files/netctl.yaml", 3, "It was edited"),
    ("files/..~netctl.yaml", "", "It names a file outside: ../netctl.yaml"),
    ("files/", "", "a file with an impossible name"),
    ("files/netctl.yaml", "cluster: {name: shop}", "The manifest in it is not valid"),
    ("folder", 1, "It was edited"),
    ("lab", "yes", "It was edited"),
    ("cluster", "other", "It is for cluster other, and its manifest for shop."),
    ("format_version", GONE, "The plan lacks format_version."),
    ("format_version", 1, "Expected str, got int."),
    ("format_version", "2.0", "It has format 2.0, this netctl reads 1.1."),
    ("warnings", "x", "Expected list, got str."),
    ("hosts", [], "It names no host, so it would do nothing."),
    ("hosts", "x", "Expected list, got str."),
    ("hosts/0", "x", "Hosts[0] is no JSON object."),
    ("hosts/1/fingerprint", GONE, "Hosts[1] lacks fingerprint."),
    ("hosts/1/fingerprint", "x", "the plan for host beta was edited after it was saved"),
    ("hosts/1/digest", GONE, "Hosts[1] lacks digest."),
    ("hosts/1/problems", [{"summary": "x"}], "the plan for host beta was edited after it was saved"),
    ("hosts/0/changes/3/source", None, "the plan for host alpha was edited after it was saved"),
    ("hosts/1/host", "delta", "Its manifest has no host delta."),
    ("hosts/1/host", "alpha", "It has a host twice."),
    ("hosts/0/exit_code", 9, "The exit code of host alpha is none of netctl's."),
    ("hosts/0/changes", {}, "In hosts[0]: expected list, got dict."),
    ("hosts/0/changes/3/kind", "rotue", "In hosts[0].changes[3]: there is no kind rotue."),
    ("hosts/0/changes/3/kind", GONE, "In hosts[0].changes[3]: Change lacks the field kind."),
    ("hosts/0/changes/3/action", "MOVE", "In hosts[0].changes[3]: 'MOVE' is not one of CREATE"),
    ("hosts/0/changes/3/action", "DELETE", "before and after are not those of a DELETE."),
    ("hosts/0/changes/3/after", None, "In hosts[0].changes[3]: before and after are not those of a"),
    ("hosts/0/changes/3/after", 5, "In hosts[0].changes[3]: expected dict, got int."),
]


def edit(saved: Path, place: str, value: object) -> None:
    """Change one place of a saved plan. (A `~` in a key stands for `/`.)"""
    data: Any = json.loads(saved.read_text())
    *way, last = [int(step) if step.isdigit() else step.replace("~", "/") for step in place.split("/")]
    where = data
    for step in way:
        where = where[step]
    if value is GONE:
        del where[last]
    else:
        where[last] = value
    saved.write_text(json.dumps(data))


@pytest.mark.parametrize(("place", "value", "words"), NO_PLANS)
def test_what_is_no_plan_is_refused_in_a_sentence(
    tmp_path: Path,
    folder: Path,
    hosts: dict[str, FakeHost],
    place: str,
    value: object,
    words: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    saved = tmp_path / "plan.json"
    assert main(["plan", str(folder), "--out", str(saved)]) == 0
    capsys.readouterr()
    edit(saved, place, value)
    assert main(["apply", str(saved), "--yes"]) == 65
    shown = " ".join(capsys.readouterr().err.replace("│", " ").split())
    assert words in shown
    assert str(saved) in shown
    assert "netctl plan --out FILE" in shown
    assert not re.search(r"\b[A-Z][A-Za-z]*(Error|Iteration)\b", shown), "no Python"
    assert all("apply" not in host.asked for host in hosts.values())


@pytest.mark.parametrize("text", ["", "{", "[" * 100000, "3", "null", '"plan"', "[]"], ids=lambda text: text[:6])
def test_what_is_not_even_json_or_no_object_is_refused_too(
    tmp_path: Path, hosts: dict[str, FakeHost], text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    saved = tmp_path / "plan.json"
    saved.write_text(text)
    assert main(["apply", str(saved), "--yes"]) == 65
    assert f"{saved} is not a plan that netctl saved" in capsys.readouterr().err


def test_a_plan_for_the_lab_is_not_applied_to_the_real_hosts(
    tmp_path: Path, folder: Path, hosts: dict[str, FakeHost], capsys: pytest.CaptureFixture[str]
) -> None:
    saved = tmp_path / "plan.json"
    assert main(["plan", str(folder), "--lab", "--out", str(saved)]) == 0
    assert main(["apply", str(saved), "--yes"]) == 64
    assert f"{saved} is a plan for the lab" in capsys.readouterr().err
    assert all("apply" not in host.asked for host in hosts.values())


def test_where_a_plan_cannot_be_saved_is_said_before_a_host_is_asked(
    tmp_path: Path, folder: Path, hosts: dict[str, FakeHost]
) -> None:
    assert main(["plan", str(folder), "--out", str(tmp_path / "nowhere" / "plan.json")]) == 64
    assert all(host.asked == [] for host in hosts.values())


def test_json_is_all_there_is_on_standard_output(
    folder: Path, hosts: dict[str, FakeHost], capsys: pytest.CaptureFixture[str]
) -> None:
    away(hosts)
    assert main(["plan", str(folder), "--format", "json"]) == 4
    planned = json.loads(capsys.readouterr().out)
    assert {change["host"] for change in planned["changes"]} == {"alpha", "gamma"}
    assert planned["errors"][0]["host"] == "beta"
    assert main(["apply", str(folder), "--yes", "--format", "json"]) == 4
    applied = json.loads(capsys.readouterr().out)
    assert {host["host"]: host["outcome"] for host in applied["hosts"]} == {
        "alpha": "applied",
        "beta": "unreachable",
        "gamma": "applied",
    }
    assert applied["summary"] == planned["summary"]


def test_ctrl_c_ends_the_current_step_and_tells_what_was_done(
    folder: Path, hosts: dict[str, FakeHost], capsys: pytest.CaptureFixture[str]
) -> None:
    hosts["alpha"].meanwhile = lambda: signal.raise_signal(signal.SIGINT)
    assert main(["apply", str(folder), "--yes"]) == 130
    shown = capsys.readouterr()
    assert "Finishing the current step" in shown.err
    assert re.search(r"^beta: not begun, nothing was changed, \d+ changes left$", shown.out, re.MULTILINE)
    assert re.search(r"^Apply interrupted\. Resources: \d+ added", shown.out, re.MULTILINE)
    hosts["alpha"].meanwhile = lambda: None
    assert main(["apply", str(folder), "--yes"]) == 0
    assert main(["plan", str(folder), "--detailed-exitcode"]) == 0


class Terminal(io.StringIO):
    """A person at a keyboard."""

    def isatty(self) -> bool:
        """It is one."""
        return True


@pytest.mark.parametrize(("answer", "code", "verbs"), [("yes\n", 0, ["observe", "apply"]), ("y\n", 1, ["observe"])])
def test_only_a_typed_yes_goes_on(
    folder: Path,
    hosts: dict[str, FakeHost],
    monkeypatch: pytest.MonkeyPatch,
    answer: str,
    code: int,
    verbs: list[str],
) -> None:
    monkeypatch.setattr("sys.stdin", Terminal(answer))
    assert main(["apply", str(folder)]) == code
    assert hosts["alpha"].asked == verbs
