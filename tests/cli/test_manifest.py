"""A manifest that was found valid is not parsed again while every byte of it is the same; any other is."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import schemas.loader
from cli import manifest
from cli.app import main
from state.problem import ManifestError
from tests.schemas import folders

POLICIES = "policies/db.yaml"
NOBODY = folders.POLICY.replace("app: db", "app: nobody")  # selects no endpoint: a warning


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A manifest with its lock file, and a cache folder of one's own."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    place = folders.write(tmp_path / "shop", {}, {POLICIES: NOBODY})
    assert main(["lock", str(place)]) == 0
    return place


@pytest.fixture
def parsed(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The folders whose texts were parsed."""
    found: list[Path] = []
    load = schemas.loader.load_cluster

    def noting(path: Path, require_host_keys: bool = True) -> Any:
        found.append(path)
        return load(path, require_host_keys)

    monkeypatch.setattr(schemas.loader, "load_cluster", noting)
    return found


def test_the_same_text_is_parsed_once(folder: Path, parsed: list[Path]) -> None:
    first, second = manifest.read(folder), manifest.read(folder)
    assert parsed == [folder]
    assert second == first
    assert [problem.severity for problem in second.warnings] == ["warning"]
    assert second.warnings[0].snippet == first.warnings[0].snippet != ""


def test_wherever_it_stands(folder: Path, parsed: list[Path]) -> None:
    first = manifest.read(folder)
    moved = folder.rename(folder.with_name("elsewhere"))
    assert manifest.read(moved) == first
    assert len(parsed) == 1


def append(name: str) -> Callable[[Path], None]:
    """Write one more line, which says nothing, to a file, or to a new one."""

    def change(folder: Path) -> None:
        with (folder / name).open("a") as file:
            file.write("# so it is\n")

    change.__name__ = f"a line in {name}"
    return change


def renamed(folder: Path) -> None:
    """The same text in another file."""
    (folder / POLICIES).rename(folder / "db.yaml")


def gone(folder: Path) -> None:
    """A policy less."""
    (folder / POLICIES).unlink()


@pytest.mark.parametrize("change", [*map(append, ("netctl.yaml", POLICIES, "netctl.lock", "new.yaml")), renamed, gone])
def test_a_change_of_any_byte_is_read(change: Callable[[Path], None], folder: Path, parsed: list[Path]) -> None:
    manifest.read(folder)
    change(folder)
    manifest.read(folder)
    assert len(parsed) == 2


def test_what_a_real_host_needs_is_checked_though_a_lab_did_not_need_it(folder: Path) -> None:
    text = (folder / "netctl.yaml").read_text().replace(f", ssh: {{hostKey: {folders.KEY}}}", "")
    (folder / "netctl.yaml").write_text(text)
    manifest.read(folder, lab=True)
    with pytest.raises(ManifestError, match="hostKey"):
        manifest.read(folder)


def test_another_netctl_reads_anew(folder: Path, parsed: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    manifest.read(folder)
    monkeypatch.setattr(manifest, "edition", lambda: b"another")
    manifest.read(folder)
    assert len(parsed) == 2


def test_what_is_wrong_is_told_each_time(folder: Path, parsed: list[Path]) -> None:
    manifest.read(folder)
    (folder / "wrong.yaml").write_text("hots: {}\n")
    for _ in range(2):
        with pytest.raises(ManifestError, match="hots"):
            manifest.read(folder)
    assert len(parsed) == 3


def test_a_text_that_changes_while_it_is_read_has_no_digest(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    load = schemas.loader.load_cluster

    def meanwhile(path: Path, require_host_keys: bool = True) -> Any:
        append("netctl.yaml")(path)
        return load(path, require_host_keys)

    monkeypatch.setattr(schemas.loader, "load_cluster", meanwhile)
    assert manifest.read(folder).digest == ""
    assert not (folder.parent / "cache").exists()


UNREADABLE: dict[str, Callable[[Path], object]] = {
    "no folder": lambda folder: folder.rename(folder.with_name("elsewhere")),
    "no netctl.yaml": lambda folder: (folder / "netctl.yaml").unlink(),
    "a link to nowhere": lambda folder: (folder / "odd.yaml").symlink_to("nowhere"),
}


@pytest.mark.parametrize("happens", UNREADABLE.values(), ids=UNREADABLE)
def test_what_cannot_be_read_has_no_digest(happens: Callable[[Path], object], folder: Path) -> None:
    happens(folder)
    assert manifest.digest(folder, lab=False) == ""
