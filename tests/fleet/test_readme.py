"""The README shows what the command prints, to the letter."""

from __future__ import annotations

import re
from pathlib import Path

from tests.bench import towns

README = (Path(__file__).resolve().parents[2] / "README.md").read_text()


def block(begin: str) -> str:
    """The block of the README that begins so, without its fences and that beginning."""
    found = re.search(rf"^```\w*\n{re.escape(begin)}(.*?)^```$", README, re.MULTILINE | re.DOTALL)
    assert found is not None, begin
    return found[1]


def test_its_plan_is_the_plan_of_its_change() -> None:
    removed, added = ("".join(line[1:] for line in block("").splitlines(True) if line[0] == sign) for sign in "-+")
    with towns.example("three-hosts") as folder:
        manifest = (folder / "netctl.yaml").read_text()
        assert removed in manifest
        (folder / "netctl.yaml").write_text(manifest.replace(removed, added))
        assert towns.netctl("plan", folder, "--lab") == block("$ netctl plan\n")
