"""What is kept in the user's cache folder: believed only whole, in answer to its own question, and if no one else's."""

from __future__ import annotations

import hashlib
import os
import pickle
from collections.abc import Callable
from pathlib import Path

import pytest

from cli import kept
from cli.kept import Kept

ANSWER = {"h1": ("said", (1, 2, 3))}


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache folder of one's own; netctl makes its part of it."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "netctl"


def only(folder: Path) -> Path:
    """The one file in a folder."""
    (found,) = folder.iterdir()
    return found


def test_an_answer_is_kept_for_its_own_question() -> None:
    Kept("sort", "question").keep(ANSWER)
    assert Kept("sort", "question").recall() == ANSWER
    assert Kept("sort", "another").recall() is None
    assert Kept("other sort", "question").recall() is None


def test_what_is_kept_is_this_users_alone(folder: Path) -> None:
    Kept("sort", "question").keep(ANSWER)
    assert (folder.stat().st_mode & 0o777, only(folder).stat().st_mode & 0o777) == (0o700, 0o600)


def test_an_empty_question_is_never_answered(folder: Path) -> None:
    Kept("sort", "").keep(ANSWER)
    assert not folder.exists()
    assert Kept("sort", "").recall() is None


def cut_short(file: Path) -> None:
    """Its end is missing."""
    file.write_bytes(file.read_bytes()[:-1])


def damaged(file: Path) -> None:
    """One bit is another."""
    data = bytearray(file.read_bytes())
    data[-3] ^= 1
    file.write_bytes(data)


def emptied(file: Path) -> None:
    """There is nothing in it."""
    file.write_bytes(b"")


def of_another_question(file: Path) -> None:
    """It is whole, and the answer to something else."""
    Kept("sort", "another").keep(ANSWER)
    (other,) = (path for path in file.parent.iterdir() if path != file)
    other.rename(file)


def readable_by_others(file: Path) -> None:
    """Others may read it: nobody knows who wrote it."""
    file.chmod(0o644)


def in_an_open_folder(file: Path) -> None:
    """Others may put files there."""
    file.parent.chmod(0o770)


def behind_a_link(file: Path) -> None:
    """It is elsewhere."""
    file.rename(file.parent.parent / "elsewhere")
    file.symlink_to(file.parent.parent / "elsewhere")


def in_a_folder_behind_a_link(file: Path) -> None:
    """Its folder is elsewhere."""
    place = file.parent
    place.rename(place.parent / "elsewhere")
    place.symlink_to(place.parent / "elsewhere")


def of_another_user(file: Path) -> None:
    """Somebody else made it."""
    os.chown(file, 1, 1)


def in_another_users_folder(file: Path) -> None:
    """Somebody else made the folder."""
    os.chown(file.parent, 1, 1)


UNBELIEVABLE: list[Callable[[Path], None]] = [
    cut_short,
    damaged,
    emptied,
    of_another_question,
    readable_by_others,
    in_an_open_folder,
    behind_a_link,
    in_a_folder_behind_a_link,
    of_another_user,
    in_another_users_folder,
]


@pytest.mark.parametrize("happens", UNBELIEVABLE)
def test_what_cannot_be_believed_is_as_if_it_were_not_there(happens: Callable[[Path], None], folder: Path) -> None:
    Kept("sort", "question").keep(ANSWER)
    happens(only(folder))
    assert Kept("sort", "question").recall() is None


@pytest.mark.parametrize("happens", [cut_short, damaged, emptied, readable_by_others, behind_a_link, of_another_user])
def test_a_file_that_cannot_be_believed_is_replaced(happens: Callable[[Path], None], folder: Path) -> None:
    Kept("sort", "question").keep(ANSWER)
    happens(only(folder))
    Kept("sort", "question").keep(ANSWER)
    assert Kept("sort", "question").recall() == ANSWER


class Trap:
    """A value that leaves a trace where it is read."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> tuple[Callable[[str], None], tuple[str]]:
        return os.mkdir, (str(self.trace),)


def test_a_file_without_its_seal_is_not_even_read(folder: Path, tmp_path: Path) -> None:
    Kept("sort", "question").keep(ANSWER)
    data = pickle.dumps(Trap(tmp_path / "trace"))
    only(folder).write_bytes(hashlib.sha256(data).digest() + data)
    assert Kept("sort", "question").recall() is None
    assert not (tmp_path / "trace").exists()


def test_a_sealed_file_in_an_open_folder_is_not_even_read(folder: Path, tmp_path: Path) -> None:
    Kept("sort", "question").keep(Trap(tmp_path / "trace"))
    folder.chmod(0o777)
    assert Kept("sort", "question").recall() is None
    assert not (tmp_path / "trace").exists()


def test_where_nothing_can_be_kept_nothing_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    Kept("sort", "question").keep(ANSWER)
    assert Kept("sort", "question").recall() is None


def test_the_oldest_answers_of_a_sort_go(folder: Path) -> None:
    Kept("other", "question").keep(ANSWER)
    for number in range(kept.FEW + 3):
        Kept("sort", f"question {number}").keep(number)
        for path in folder.glob("sort-*"):  # so that each is older than the next, however quick the machine
            os.utime(path, ns=(0, path.stat().st_mtime_ns - 10**9))
    recalled = [Kept("sort", f"question {number}").recall() for number in range(kept.FEW + 3)]
    assert recalled == [None] * 3 + list(range(3, kept.FEW + 3))
    assert Kept("other", "question").recall() == ANSWER
