"""`netctl validate`, `lock` and `schema` as a person or a pipeline runs them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from cli.app import main
from tests.schemas.folders import KEY, write

DB_LINE = "  db: {host: beta, namespace: shop, labels: {app: db}, attach: {netns: db}}"
ROOT = Path(__file__).parents[2]


def run(*words: str | Path) -> int:
    """The exit code of a command line."""
    return main([str(word) for word in words])


def locked(folder: Path, edits: dict[str, str] | None = None) -> Path:
    """A valid manifest with its lock file, and then with edits."""
    write(folder, {}, {})
    assert run("lock", folder) == 0
    return write(folder, edits or {}, {})


def test_a_valid_manifest_is_one_line_on_standard_output(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    locked(tmp_path)
    capsys.readouterr()
    assert run("validate", tmp_path) == 0
    assert capsys.readouterr() == ("Valid: 2 hosts, 2 endpoints, 0 policies, 1 assertion.\n", "")


def test_the_folder_is_the_current_one_where_none_is_given(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    locked(tmp_path)
    monkeypatch.chdir(tmp_path)
    assert run("validate") == 0
    assert run("lock", "--check") == 0
    assert "up to date" in capsys.readouterr().out


def test_a_mistake_is_a_box_on_standard_error_and_exit_65(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    locked(tmp_path, {"{host: alpha,": "{host: alhpa,"})
    capsys.readouterr()
    assert run("validate", tmp_path) == 65
    out, err = capsys.readouterr()
    assert out == ""
    assert err == (
        "╷\n"
        '│ Error: endpoint shop/web is on an unknown host "alhpa"\n'
        "│\n"
        "│   on netctl.yaml line 11, column 15 (endpoints.shop/web):\n"
        "│   11:   web: {host: alhpa, namespace: shop, labels: {app: web}, attach: {netns: web}}\n"
        "│                     ^\n"
        "│\n"
        '│ Did you mean "alpha"?\n'
        "╵\n"
    )


def test_as_json_the_same_is_one_object_on_standard_output(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    locked(tmp_path, {"{host: alpha,": "{host: alhpa,"})
    capsys.readouterr()
    assert run("validate", tmp_path, "--format", "json") == 65
    out, err = capsys.readouterr()
    found = json.loads(out)
    assert (found["valid"], found["error_count"], found["warning_count"], err) == (False, 1, 0, "")
    assert found["diagnostics"][0]["range"] == {"filename": "netctl.yaml", "start": {"line": 11, "column": 15}}
    assert found["diagnostics"][0]["snippet"]["code"].startswith("  web: {host: alhpa")


def test_valid_as_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    locked(tmp_path)
    capsys.readouterr()
    assert run("validate", tmp_path, "--format", "json") == 0
    assert json.loads(capsys.readouterr().out)["valid"] is True


def test_a_stale_lock_warns_and_a_duplicate_fails(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    locked(tmp_path, {"{app: web}": "{app: api}"})
    assert run("validate", tmp_path) == 0
    assert "Warning: netctl.lock has no number for the identity {k8s:app=api" in capsys.readouterr().err
    path = tmp_path / "netctl.lock"
    line = next(line for line in path.read_text().splitlines() if line.startswith("host alpha"))
    path.write_text(path.read_text() + line.replace("alpha", "omega") + "\n")
    assert run("validate", tmp_path) == 65
    assert "twice: to host alpha (line 5) and to host omega" in capsys.readouterr().err


CONFLICT = "<<<<<<< ours\n{both}\n{one}\n=======\n{both}\n>>>>>>> theirs\n"

# What is added to the lock, and all that is said of it, whatever else is wrong.
LOCK_PROBLEMS = {
    "a number given twice": (
        "endpoint shop/more host=beta id={id}\n",
        ["gives id {id} on host beta twice: to endpoint shop/db (line 8) and to endpoint shop/more (line 13)"],
    ),
    "a line that cannot be read": ("hello\n", ["has a line that netctl does not write"]),
    "both": (
        "hello\nendpoint shop/more host=beta id={id}\n",
        [
            "has a line that netctl does not write",
            "gives id {id} on host beta twice: to endpoint shop/db (line 8) and to endpoint shop/more (line 14)",
        ],
    ),
    "a conflict, of which one side repeats a number": (
        CONFLICT.format(both="host omega", one="endpoint shop/more host=beta id={id}"),
        [
            "has a conflict that Git left",
            "gives id {id} on host beta twice: to endpoint shop/db (line 8) and to endpoint shop/more (line 15)",
            "has a conflict that Git left",
            "has a conflict that Git left",
        ],
    ),
}
WRONG: dict[str, tuple[dict[str, str], list[str]]] = {
    "nothing": ({}, []),
    "the manifest": (
        {"mode: overlay": "mode: overly"},
        ['network.mode: expected overlay or native, not "overly"'],
    ),
}


@pytest.mark.parametrize("command", [["validate"], ["lock", "--check"], ["plan"]], ids=" ".join)
@pytest.mark.parametrize("wrong", WRONG)
@pytest.mark.parametrize("case", LOCK_PROBLEMS)
def test_what_is_wrong_with_the_lock_alone_is_told_beside_all_else(
    case: str, wrong: str, command: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = locked(tmp_path, WRONG[wrong][0]) / "netctl.lock"
    more, said = LOCK_PROBLEMS[case]
    number = next(line.split("id=")[1].split()[0] for line in path.read_text().splitlines() if "shop/db " in line)
    path.write_text(path.read_text() + more.replace("{id}", number))
    capsys.readouterr()
    assert run(*command, tmp_path) == 65
    heads = [line.split("Error: ")[1] for line in capsys.readouterr().err.splitlines() if "Error: " in line]
    assert heads == [*WRONG[wrong][1], *("netctl.lock " + text.replace("{id}", number) for text in said)]


def test_an_identity_without_a_number_is_told_with_its_endpoints_and_their_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    locked(tmp_path, {"{app: web}": "{app: api}", "{app: db}": "{app: api}"})
    capsys.readouterr()
    assert run("plan", tmp_path) == 65
    err = capsys.readouterr().err
    assert "k8s:io.kubernetes.pod.namespace=shop} of endpoints shop/db, shop/web\n" in err
    assert "│   on netctl.yaml line 12, column 3 (endpoint shop/db):\n" in err
    assert "│ Run `netctl lock`, and commit the file together with the change.\n" in err


MOVED = {
    "an address": (
        "  web: {{host: alpha,",
        "  web: {{host: beta, address: {db},",
        "endpoint shop/db moved from {db} to 10.42.",
    ),
    "a slice": ("  alpha: {{", "  alpha: {{slice: {{ipv4: {beta}}}, ", "host beta moved from {beta} to 10.42."),
}


@pytest.mark.parametrize("case", MOVED)
def test_whom_lock_moves_for_another_is_told(case: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = locked(tmp_path) / "netctl.lock"
    words = [line.split() for line in path.read_text().splitlines()]
    had = {line[1].rpartition("/")[2]: line[-2].partition("=")[2] for line in words if len(line) > 3 and line[0] != "#"}
    old, new, said = (text.format(**had) for text in MOVED[case])
    write(tmp_path, {old: new}, {})
    capsys.readouterr()
    assert run("lock", tmp_path) == 0
    out, err = capsys.readouterr()
    assert said in err
    assert out.startswith("netctl.lock written: ")
    if case == "a slice":
        assert f"│ host alpha gets {had['beta']} by `slice`." in err
        assert f"│ With it moved: shop/db from {had['db']} to 10.42." in err
    assert run("lock", tmp_path) == 0
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    "edits",
    [{"ipv4: 10.42.0.0/16": "ipv4: 10.43.0.0/16"}, {"web: {host: alpha,": "web: {host: beta,"}],
    ids=["another range", "another host"],
)
def test_what_moves_because_it_was_asked_for_is_not_told(
    edits: dict[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    locked(tmp_path, edits)
    capsys.readouterr()
    assert run("lock", tmp_path) == 0
    assert capsys.readouterr().err == ""


def test_whom_lock_moves_when_it_mends_a_merge_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = locked(tmp_path, {DB_LINE: f"{DB_LINE}\n{DB_LINE.replace('db', 'dc')}"}) / "netctl.lock"
    assert run("lock", tmp_path) == 0
    had = {line.split()[1]: line.split()[-2] for line in path.read_text().splitlines() if line.startswith("endpoint")}
    path.write_text(path.read_text().replace(had["shop/dc"], had["shop/db"]))
    capsys.readouterr()
    assert run("lock", tmp_path) == 0
    address = had["shop/db"].partition("=")[2]
    err = capsys.readouterr().err
    assert f"Warning: endpoint shop/dc moved from {address} to 10.42." in err
    assert f"netctl.lock gave {address} to endpoint shop/db too, which keeps it." in err


@pytest.mark.parametrize("missing", ["", "nowhere", "file"])
def test_a_folder_without_a_manifest_is_told(missing: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("")
    assert run("validate", tmp_path / missing) == 65
    assert "Error: " in capsys.readouterr().err


def test_lock_writes_then_has_nothing_to_do(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(tmp_path, {}, {})
    assert run("lock", tmp_path) == 0
    first = (tmp_path / "netctl.lock").read_text()
    assert run("lock", tmp_path) == 0
    assert (tmp_path / "netctl.lock").read_text() == first
    assert capsys.readouterr().out == (
        "netctl.lock written: 6 lines added, 0 removed, 0 kept.\nnetctl.lock is up to date.\n"
    )


@pytest.mark.parametrize("left", ["<<<<<<< ours\n{}=======\n{}>>>>>>> theirs\n", "{}\n"])
def test_a_file_that_only_a_merge_made_untidy_is_said_to_be_written(
    left: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(tmp_path, {}, {})
    assert run("lock", tmp_path) == 0
    path = tmp_path / "netctl.lock"
    tidy = path.read_text()
    path.write_text(left.format(tidy, tidy))
    capsys.readouterr()
    assert run("lock", tmp_path) == 0
    assert capsys.readouterr().out == "netctl.lock written: 0 lines added, 0 removed, 6 kept.\n"
    assert path.read_text() == tidy


def test_lock_check_writes_nothing_and_refuses_what_is_stale(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    locked(tmp_path, {"{app: web}": "{app: api}"})
    before = (tmp_path / "netctl.lock").read_text()
    assert run("lock", tmp_path, "--check") == 65
    assert (tmp_path / "netctl.lock").read_text() == before
    assert "Run `netctl lock`, and commit the file together with the change." in capsys.readouterr().err


def test_lock_mends_a_conflict_and_prunes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    locked(tmp_path, {"{app: web}": "{app: api}"})
    path = tmp_path / "netctl.lock"
    path.write_text(f"<<<<<<< ours\n{path.read_text()}=======\n{path.read_text()}>>>>>>> theirs\n")
    assert run("lock", tmp_path, "--check") == 65
    assert "conflict that Git left" in capsys.readouterr().err
    assert run("lock", tmp_path) == 0
    assert path.read_text().count("\nretired ") == 1
    assert run("lock", tmp_path, "--prune") == 0
    assert path.read_text().count("\nretired ") == 0
    assert run("lock", tmp_path, "--check") == 0


def test_lock_works_before_host_keys_are_known(tmp_path: Path) -> None:
    write(tmp_path, {f"{{address: 203.0.113.11, ssh: {{hostKey: {KEY}}}}}": "{address: 203.0.113.11}"}, {})
    assert run("lock", tmp_path) == 0


def test_check_and_prune_exclude_each_other(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("lock", locked(tmp_path), "--check", "--prune") == 64
    assert "--check writes nothing" in capsys.readouterr().err


def test_schema_prints_the_schema(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("schema") == 0
    assert json.loads(capsys.readouterr().out)["$schema"] == "https://json-schema.org/draft/2020-12/schema"


def test_validate_imports_neither_ssh_nor_netlink_nor_what_reads_words_that_need_no_reading() -> None:
    code = (
        "import sys; from cli.app import main; main(['validate', 'examples/three-hosts']);"
        "print([name for name in ('paramiko', 'pyroute2', 'pydantic', 'rich') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"
