"""`netctl test` by the engine: what it prints, and its exit code."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from cli.app import main

EXAMPLE = Path(__file__).parents[2] / "examples" / "three-hosts"


@pytest.fixture
def manifest(tmp_path: Path) -> Path:
    """The first story, to be changed."""
    return Path(shutil.copytree(EXAMPLE, tmp_path / "manifest"))


def test_every_assertion_of_the_example_holds(manifest: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["test", str(manifest), "--format", "json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["passed"], found["failed"]) == (len(found["assertions"]), 0)
    keys = ["from", "to", "port", "protocol", "expect", "got", "method", "reason", "rules", "source"]
    assert all(list(item) == keys and item["method"] == "engine" for item in found["assertions"])
    icmp = next(item for item in found["assertions"] if item["protocol"] == "ICMP")
    assert icmp["port"] is None


def test_an_assertion_that_fails_says_why_and_where(manifest: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = manifest / "netctl.yaml"
    text = file.read_text()
    line = next(line for line in text.splitlines() if "port: 22/TCP" in line and "expect: deny" in line)
    number = text.splitlines().index(line) + 1
    file.write_text(text.replace(line, line.replace("expect: deny", "expect: allow")))
    assert main(["test", str(manifest)]) == 1
    shown = capsys.readouterr().out
    assert "FAIL  shop/web-1" in shown
    assert f"expected allow at netctl.yaml:{number}" in shown
    assert "no rule matched; shop/web-1 is isolated for egress by policies/web.yaml:" in shown
