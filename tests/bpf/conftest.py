"""The loaded programs, once for each mode."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.bpf import datapath
from tests.bpf.datapath import Datapath


@pytest.fixture(scope="session")
def objects() -> None:
    """The compiled objects are there."""
    datapath.build()


@pytest.fixture(scope="session")
def overlay(objects: None) -> Iterator[Datapath]:
    """The programs in overlay mode."""
    with datapath.datapath() as loaded:
        yield loaded


@pytest.fixture(scope="session")
def native(objects: None) -> Iterator[Datapath]:
    """The programs in native mode."""
    with datapath.datapath(network_mode=1) as loaded:
        yield loaded
