"""Hosts have other Pythons than the workstation."""

from __future__ import annotations

import json
import shutil
import subprocess
from functools import cache
from pathlib import Path

import pytest

from inventory.archive import Archive
from inventory.local import LocalTransport
from inventory.session import Session
from state.host.package import BOOT, unpack
from state.problem import HostError

SUPPORTED = ["3.9", "3.10", "3.11", "3.12", "3.13", "3.14"]
TOO_OLD = ["3.6", "3.7", "3.8"]


@cache
def interpreters() -> dict[str, str]:
    """The Pythons of this machine, by version."""
    found: dict[str, str] = {}
    homes = [str(path) for path in Path.home().glob(".pyenv/versions/*/bin/python3")]
    names = [shutil.which(f"python{version}") for version in SUPPORTED + TOO_OLD]
    for path in [*homes, *(name for name in names if name), "/usr/bin/python3"]:
        script = "import sys, json; print(json.dumps(sys.version_info[:2]))"
        said = subprocess.run([path, "-I", "-S", "-c", script], capture_output=True, text=True, check=False)
        if said.returncode == 0:
            found.setdefault("{}.{}".format(*json.loads(said.stdout)), path)
    return found


def interpreter(version: str) -> str:
    """The path of a version; the test is skipped where there is none."""
    if version not in interpreters():
        pytest.skip(f"there is no Python {version} on this machine")
    return interpreters()[version]


@pytest.mark.parametrize("version", SUPPORTED)
def test_the_agent_runs_and_leaves_bytecode_for_the_next_time(version: str, agent: Archive, tmp_path: Path) -> None:
    import importlib.util

    for _ in range(2):
        session = Session(LocalTransport("here"), interpreter(version), agent, str(tmp_path / "netctl"))
        assert session.hello.python.startswith(f"{version}.")
        assert session.call("echo", {"a": "ä"}) == {"said": {"a": "ä"}}
        session.close()
    kept = sorted(path.name for path in (tmp_path / "netctl").iterdir())
    assert kept[0] == f"agent-{agent.digest}"
    script = "import importlib.util; print(importlib.util.MAGIC_NUMBER.hex())"
    magic = subprocess.run([interpreter(version), "-c", script], capture_output=True, text=True, check=True).stdout
    assert len(kept) == (1 if magic.strip() == importlib.util.MAGIC_NUMBER.hex() else 3)


@pytest.mark.parametrize("version", SUPPORTED)
def test_what_was_left_for_the_next_time_is_run_if_it_is_whole(version: str, agent: Archive, tmp_path: Path) -> None:
    def call() -> object:
        session = Session(LocalTransport("here"), interpreter(version), agent, str(tmp_path / "netctl"))
        try:
            return session.call("echo", {"a": 1})
        finally:
            session.close()

    assert call() == {"said": {"a": 1}}
    left = list((tmp_path / "netctl").glob("*.few"))
    if not left:
        return  # this Python runs the archive's own bytecode, whose digest the workstation knows
    script = (
        "import marshal, sys, _blake2; "
        f"code = marshal.dumps({{{BOOT!r}: compile('raise SystemExit(\"it was run\")', '', 'exec')}}); "
        "open(sys.argv[1], 'wb').write(_blake2.blake2b(code, digest_size=32).digest() + code)"
    )
    subprocess.run([interpreter(version), "-c", script, str(left[0])], check=True)
    with pytest.raises(HostError) as raised:
        call()
    assert "it was run" in raised.value.problems[0].detail
    left[0].write_bytes(left[0].read_bytes() + b"!")
    assert call() == {"said": {"a": 1}}


@pytest.mark.parametrize("version", SUPPORTED)
def test_every_module_of_the_agent_can_be_imported(version: str, agent: Archive, tmp_path: Path) -> None:
    for name, content in unpack(agent.data).items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(content)
    script = (
        "import sys, os, importlib; sys.path.insert(0, sys.argv[1])\n"
        "paths = [os.path.join(place, name) for place, _, names in os.walk(sys.argv[1]) for name in names]\n"
        "names = [os.path.relpath(path, sys.argv[1]) for path in paths if path.endswith('.py')]\n"
        "for name in names: importlib.import_module(name[:-3].replace('/', '.').replace('.__init__', ''))\n"
    )
    command = [interpreter(version), "-I", "-S", "-c", script, str(tmp_path)]
    said = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (said.returncode, said.stderr) == (0, "")


@pytest.mark.parametrize("version", TOO_OLD)
def test_a_python_that_is_too_old_is_told_so_in_a_sentence(version: str, agent: Archive, tmp_path: Path) -> None:
    session = Session(LocalTransport("here"), interpreter(version), agent, str(tmp_path / "netctl"))
    with pytest.raises(HostError, match=f"python3 on the host is {version}; netctl needs 3.9 or newer"):
        session.call("echo")
    session.close()
