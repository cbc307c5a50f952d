"""What every walk needs: the compiled program, and a street of its own that is gone at the end."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.gap.stream import build


@pytest.fixture(scope="session")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The compiled program that counts."""
    return build(tmp_path_factory.mktemp("stream"))
