"""Labs for the tests: each of a manifest in a folder of its own, and gone at the end."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable, Generator
from pathlib import Path

import pytest

from inventory.lab import power

ROOT = Path(__file__).parent.parent.parent

Running = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def folder(tmp_path: Path) -> Generator[Path]:
    """A manifest's folder, whose lab is taken down at the end."""
    place = tmp_path / "manifest"
    place.mkdir()
    yield place
    power.down(place)


@pytest.fixture
def shop(folder: Path) -> Path:
    """A copy of the first example: its lab is this test's alone."""
    shutil.copytree(ROOT / "examples" / "three-hosts", folder, dirs_exist_ok=True)
    return folder


@pytest.fixture
def netctl() -> Running:
    """Run the command as a person does."""

    def run(*words: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        command = [sys.executable, str(ROOT / "netctl.py"), *words]
        return subprocess.run(command, input=stdin, capture_output=True, text=True, check=False, cwd=ROOT)

    return run
