"""The outermost layer: what is imported, how endings are told, and that nobody sees a traceback."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from cli import app, exits
from cli.interrupt import Interrupt
from state.problem import HostError, LockHeld, ManifestError, NetctlError, Stale, Unreachable, UsageError

ROOT = Path(__file__).parent.parent.parent
EXAMPLE = ROOT / "examples" / "three-hosts"
HEAVY = ("paramiko", "pyroute2", "cryptography", "rich", "pydantic", "jsonschema")


def run(*words: str, **options: object) -> subprocess.CompletedProcess[str]:
    """The command as a process of its own."""
    command = [sys.executable, str(ROOT / "netctl.py"), *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, **options)  # type: ignore[call-overload, no-any-return]


VERDICT = ["policy", "verdict", str(EXAMPLE), "--from", "web-1", "--to", "db-1", "--port", "5432/TCP"]


@pytest.mark.parametrize("words", [["--help"], ["--version"], ["validate", str(EXAMPLE)], ["plan", "--help"], VERDICT])
def test_what_needs_no_host_imports_nothing_that_reaches_one(words: list[str], tmp_path: Path) -> None:
    code = (
        "import sys\n"
        "from cli.app import main\n"
        f"code = main({words!r})\n"
        f"import json; print(json.dumps([code, [name for name in {HEAVY!r} if name in sys.modules]]))"
    )
    nothing_kept = {**os.environ, "XDG_CACHE_HOME": str(tmp_path)}
    command = [sys.executable, "-c", code]
    found = subprocess.run(command, cwd=ROOT, env=nothing_kept, capture_output=True, text=True, check=True)
    code_and_modules = json.loads(found.stdout.splitlines()[-1])
    assert code_and_modules == [0, ["jsonschema"] if str(EXAMPLE) in words else []]


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (NetctlError, 1),
        (UsageError, 64),
        (ManifestError, 65),
        (HostError, 3),
        (Unreachable, 4),
        (Stale, 6),
        (LockHeld, 7),
    ],
)
def test_every_error_has_its_code_and_is_shown_as_a_box(
    error: type[NetctlError], code: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(name: str) -> object:
        raise error.of("it is wrong", "Do this.")

    monkeypatch.setattr(app, "_import", fail)
    assert app.main(["plan"]) == code
    assert "│ Error: it is wrong" in capsys.readouterr().err


def test_a_bug_is_told_in_a_sentence_and_with_debug_in_full(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(name: str) -> object:
        raise KeyError("alpha")

    monkeypatch.setattr(app, "_import", fail)
    monkeypatch.delenv("NETCTL_DEBUG", raising=False)
    assert app.main(["plan"]) == 1
    shown = capsys.readouterr().err
    assert "this is a bug in netctl" in shown
    assert "netctl --debug" in shown
    with pytest.raises(KeyError):
        app.main(["--debug", "plan"])


def test_ctrl_c_is_130(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(name: str) -> object:
        raise KeyboardInterrupt

    monkeypatch.setattr(app, "_import", fail)
    assert app.main(["plan"]) == 130


def test_a_reader_that_goes_away_is_no_drama() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w") as gone:
        command = [sys.executable, str(ROOT / "netctl.py"), "schema"]
        found = subprocess.run(command, stdout=gone, stderr=subprocess.PIPE, text=True, timeout=60, check=False)
    assert (found.returncode, found.stderr) == (141, "")


@pytest.mark.parametrize(("close", "code"), [(">&-", 0), (">&- 2>&-", 0), ("<&- >&- 2>&-", 0), (">/dev/full", 1)])
def test_a_stream_that_cannot_be_written_is_no_bug(close: str, code: int) -> None:
    command = f"exec {sys.executable} {ROOT / 'netctl.py'} validate {ROOT / 'examples/three-hosts'} {close}"
    found = subprocess.run(["/bin/sh", "-c", command], capture_output=True, text=True, timeout=60, check=False)
    assert "this is a bug" not in found.stderr
    assert "Traceback" not in found.stderr
    assert found.returncode == code


def test_a_wrong_word_is_met_with_the_right_one() -> None:
    found = run("paln")
    assert found.returncode == 64
    assert found.stdout == ""
    assert "Did you mean 'plan'?" in found.stderr


@pytest.mark.parametrize("name", app.COMMANDS)
def test_every_command_helps_and_every_option_has_a_sentence(name: str) -> None:
    found = run(name, "--help")
    assert found.returncode == 0
    unwrapped = re.sub(r"\n {8,}", " ", found.stdout)
    options = [line.strip() for line in unwrapped.splitlines() if line.startswith("  --")]
    assert options
    assert [option for option in options if not option.endswith((".", "]"))] == []


def test_of_several_hosts_the_worst_decides() -> None:
    assert exits.worst([]) == 0
    assert exits.worst([0, 2]) == 2
    assert exits.worst([2, 4]) == 4
    assert exits.worst([4, 7, 6]) == 6
    assert exits.worst([6, 3]) == 3
    assert exits.worst([3, 1]) == 1
    assert exits.worst([3, 130]) == 130


def test_the_first_ctrl_c_asks_and_the_second_insists(capsys: pytest.CaptureFixture[str]) -> None:
    import signal

    with Interrupt() as interrupt:
        assert not interrupt.requested
        signal.raise_signal(signal.SIGINT)
        assert interrupt.requested
        assert "Press Ctrl-C again" in capsys.readouterr().err
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
