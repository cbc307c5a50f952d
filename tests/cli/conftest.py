"""What the tests of commands share."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from cli.app import main

EXAMPLE = Path(__file__).parent.parent.parent / "examples" / "three-hosts"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A manifest of one's own to change, with its lock file."""
    place = tmp_path / "shop"
    shutil.copytree(EXAMPLE, place)
    assert main(["lock", str(place)]) == 0
    return place
