"""What tables mean is remembered by their bytes, and never said of other bytes."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from state.host.kept import Kept
from state.host.meaning import NAMES, Meaning
from state.kernel_bpf import Generation
from tests.fake_bpf import FakeBpf
from tests.fake_kernel import FakeKernel

DIGESTS = {name: f"digest of {name}" for name in NAMES}
TABLES = {"addresses": {b"a" * 16: b"peer"}, "hosts": {b"1234": b"host"}}


class Active(FakeBpf):
    """A host that decides by this generation."""

    def __init__(self, active: Generation) -> None:
        super().__init__(dict)
        self._active = active

    def generation(self) -> Generation:
        return self._active


@pytest.fixture
def kept(tmp_path: Path) -> Kept:
    """A folder of root's alone."""
    (tmp_path / "run").mkdir(mode=0o700)
    return Kept("meaning", str(tmp_path / "run"))


def meaning(kept: Kept, tables: Mapping[str, Mapping[bytes, bytes]], code: str = "code", epoch: int = 7) -> Meaning:
    """What is known of these tables."""
    kernel = FakeKernel()
    kernel.bpf = Active(Generation(epoch, tables))
    return Meaning(kernel, code, kept)


def test_what_was_found_out_once_is_known_at_any_epoch(kept: Kept) -> None:
    assert meaning(kept, TABLES).recall() == {}
    meaning(kept, TABLES).keep(DIGESTS)
    assert meaning(kept, TABLES, epoch=9).recall() == DIGESTS


OTHERS = {
    "another value": {**TABLES, "hosts": {b"1234": b"tsoh"}},
    "another key": {**TABLES, "hosts": {b"4321": b"host"}},
    "an entry more": {**TABLES, "hosts": {b"1234": b"host", b"5678": b"host"}},
    "an entry of another table": {"addresses": {**TABLES["addresses"], **TABLES["hosts"]}, "hosts": {}},
    "nothing": {},
}


@pytest.mark.parametrize("name", OTHERS)
def test_other_bytes_are_not_known(kept: Kept, name: str) -> None:
    meaning(kept, TABLES).keep(DIGESTS)
    assert meaning(kept, OTHERS[name]).recall() == {}


def test_another_netctl_finds_out_for_itself(kept: Kept) -> None:
    meaning(kept, TABLES).keep(DIGESTS)
    assert meaning(kept, TABLES, code="another").recall() == {}
    meaning(kept, TABLES, code="").keep(DIGESTS)
    assert meaning(kept, TABLES, code="").recall() == {}


def test_before_the_first_generation_tables_mean_nothing(kept: Kept) -> None:
    meaning(kept, TABLES).keep(DIGESTS)
    assert meaning(kept, TABLES, epoch=0).recall() == {}


@pytest.mark.parametrize("text", ["", "{", "[]", '{"question": "x"}', '"question"', "null"])
def test_a_file_that_somebody_damaged_is_no_answer(kept: Kept, tmp_path: Path, text: str) -> None:
    meaning(kept, TABLES).keep(DIGESTS)
    (tmp_path / "run/meaning.json").write_text(text)
    assert meaning(kept, TABLES).recall() == {}


def test_a_folder_that_others_may_write_to_is_not_believed(kept: Kept, tmp_path: Path) -> None:
    meaning(kept, TABLES).keep(DIGESTS)
    (tmp_path / "run").chmod(0o755)
    assert meaning(kept, TABLES).recall() == {}
