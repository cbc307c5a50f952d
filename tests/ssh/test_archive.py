"""The agent's archive: the same sources make the same one, whoever makes it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from state.host import package

ROOT = Path(__file__).resolve().parents[2]
MAKE = "from inventory.archive import archive; print(archive().digest)"
MAKERS = {
    "a process that has imported nothing else": "",
    "one that knows all strings of the agent": "import cli.app, cli.plan, state.kinds, state.host.facts, bpf.port; ",
    "one with another hash of strings": "",
}


@pytest.fixture(scope="module")
def digest(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The digest of the archive that a first process makes."""
    return made("", tmp_path_factory.mktemp("first"), "0")


def made(before: str, cache: Path, seed: str) -> str:
    """The digest of the archive that a process makes which has done something `before`."""
    environment = {**os.environ, "XDG_CACHE_HOME": str(cache), "PYTHONHASHSEED": seed}
    command = [sys.executable, "-c", before + MAKE]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True).stdout


@pytest.mark.parametrize("maker", MAKERS)
def test_it_is_the_same_on_every_workstation(maker: str, digest: str, tmp_path: Path) -> None:
    assert made(MAKERS[maker], tmp_path, "7" if "hash" in maker else "0") == digest


def test_it_does_not_depend_on_what_else_holds_the_strings_of_its_code(monkeypatch: pytest.MonkeyPatch) -> None:
    files = {"state/host/importing.py": b"FIRST = 'importing'\n", "state/host/boot.py": b"SECOND = ('boot', 'agent')\n"}
    held: list[object] = []

    def held_by_others(name: str, source: bytes) -> object:
        made = compile(source, name, "exec")
        held.extend([*made.co_consts, *made.co_consts, *made.co_names, *made.co_names, made.co_consts])
        return made

    def by_nobody(name: str, source: bytes) -> object:
        return compile(source, name, "exec")

    monkeypatch.setattr(package, "_code", by_nobody)
    alone = package.pack(files)
    monkeypatch.setattr(package, "_code", held_by_others)
    assert package.pack(files) == alone
