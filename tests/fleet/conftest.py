"""A lab for each file of tests, booted once, and made whole again before each test."""

from __future__ import annotations

from collections.abc import Generator

import pytest

from tests.fleet.town import Town


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Generator[Town]:
    """Two hosts, as they come: nothing of netctl's is on them until somebody applies."""
    town = Town(tmp_path_factory.mktemp("fleet") / "pair")
    try:
        town.boot()
        yield town
    finally:
        town.down()


@pytest.fixture
def town(lab: Town) -> Town:
    """The hosts as the manifest wants them; a test that left them beyond repair costs the next one a reboot."""
    lab.restore()
    lab.boot()
    if lab.netctl("apply", "--yes").code:
        lab.down()
        lab.boot()
        lab.apply()
    return lab


@pytest.fixture
def bare(lab: Town) -> Town:
    """The hosts with nothing of netctl's on them."""
    lab.restore()
    lab.boot()
    if lab.netctl("destroy", "--yes").code:
        lab.down()
        lab.boot()
    return lab
