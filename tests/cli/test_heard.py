"""A host that says what it said before, of the same manifest, is not compared again; whatever is new is."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import cli.connect
from cli.app import main
from cli.heard import Heard
from state.bulk import AsWanted
from state.change import Found
from state.plan import HostPlan, Observation, for_host
from tests.cli import fake_fleet
from tests.cli.fake_fleet import FakeHost

EXAMPLE = Path(__file__).parent.parent.parent / "examples" / "three-hosts"
REPLY = {"facts": {}, "observed": {}, "held": {"route": "digest"}}
AS_WANTED: AsWanted[int] = AsWanted({}, {})
SEEN = Observation(fake_fleet.facts(1), {"route": AS_WANTED})
FINE = HostPlan("alpha", unchanged=7)


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A cache folder of one's own."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.fixture
def hosts(folder: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, FakeHost]:
    """Three hosts to which the manifest was applied."""
    members = fake_fleet.three()
    monkeypatch.setattr(cli.connect, "connect", fake_fleet.connector(members))
    assert main(["apply", "--yes", str(folder)]) == 0
    return members


@pytest.fixture
def compared(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The hosts that were compared with the manifest."""
    found: list[str] = []

    def noting(kinds: Any, cluster: Any, host: str, seen: Any) -> HostPlan:
        found.append(host)
        return for_host(kinds, cluster, host, seen)

    monkeypatch.setattr("cli.workflow.for_host", noting)
    return found


def plan(folder: Path, capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    """The exit code of a plan, and what it printed."""
    capsys.readouterr()
    code = main(["plan", "--detailed-exitcode", *words, str(folder)])
    printed = capsys.readouterr()
    return code, printed.out, printed.err


@pytest.mark.parametrize("output", ["text", "json", "markdown"])
def test_a_host_that_says_the_same_is_compared_once(
    output: str, folder: Path, hosts: dict[str, FakeHost], compared: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    first, second = (plan(folder, capsys, "--format", output) for _ in range(2))
    assert compared == ["alpha", "beta", "gamma"]
    assert second == first
    assert first[0] == 0


def route_gone(host: FakeHost) -> None:
    """One of netctl's routes was deleted."""
    host.found["route"].popitem()


def rebooted(host: FakeHost) -> None:
    """Another boot of the same host."""
    host.facts = replace(host.facts, boot_id="later")


def lacking(host: FakeHost) -> None:
    """It has lost what netctl needs."""
    host.facts = replace(host.facts, missing=("there is no nft",))


@pytest.mark.parametrize(("happens", "code"), [(route_gone, 2), (rebooted, 0), (lacking, 3)])
def test_a_host_that_says_something_new_is_compared(
    happens: Callable[[FakeHost], None],
    code: int,
    folder: Path,
    hosts: dict[str, FakeHost],
    compared: list[str],
    capsys: pytest.CaptureFixture[str],
) -> None:
    plan(folder, capsys)
    compared.clear()
    happens(hosts["beta"])
    assert plan(folder, capsys)[0] == code
    assert compared == ["beta"]


def test_a_host_with_something_to_do_is_compared_each_time(
    folder: Path, hosts: dict[str, FakeHost], compared: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    route_gone(hosts["beta"])
    first, second = plan(folder, capsys), plan(folder, capsys)
    assert compared == ["alpha", "beta", "gamma", "beta"]
    assert second == first
    assert first[0] == 2


def test_another_manifest_is_compared(
    folder: Path, hosts: dict[str, FakeHost], compared: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    plan(folder, capsys)
    compared.clear()
    with (folder / "netctl.yaml").open("a") as file:
        file.write("# so it is\n")
    plan(folder, capsys)
    assert compared == ["alpha", "beta", "gamma"]


def test_every_host_is_asked_each_time(
    folder: Path, hosts: dict[str, FakeHost], capsys: pytest.CaptureFixture[str]
) -> None:
    plan(folder, capsys)
    hosts["beta"].error = fake_fleet.unreachable()
    assert plan(folder, capsys)[0] == 4


PLAN = """\
import sys, cli.connect
from cli.app import main
from tests.cli import fake_fleet
hosts = fake_fleet.three()
hosts["alpha"].call = hosts["beta"].call = hosts["gamma"].call = lambda verb, body: {"facts": {}, "observed": {}}
cli.connect.connect = fake_fleet.connector(hosts)
from cli.heard import Heard
from state.plan import HostPlan
Heard.plan = lambda self, host, reply: HostPlan(host)
assert main(["plan", sys.argv[1]]) == 0
print(sorted({"yaml", "jsonschema", "schemas.loader", "state.kinds"} & set(sys.modules)))
"""


def test_where_nothing_is_new_nothing_is_imported_to_judge_it(folder: Path, hosts: dict[str, FakeHost]) -> None:
    done = subprocess.run([sys.executable, "-c", PLAN, str(folder)], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


NOT_REMEMBERED: dict[str, tuple[Observation, HostPlan]] = {
    "a table had to be sent for": (replace(SEEN, found={"route": {"a": Found(1)}}), FINE),
    "it could not be asked": (SEEN, replace(FINE, exit_code=4)),
}


@pytest.mark.parametrize(("seen", "made"), NOT_REMEMBERED.values(), ids=NOT_REMEMBERED)
def test_is_not_remembered_where(seen: Observation, made: HostPlan) -> None:
    heard = Heard("manifest")
    heard.note("alpha", REPLY, seen)
    heard.remember([made])
    assert Heard("manifest").plan("alpha", REPLY) is None


def test_hosts_that_were_not_asked_are_not_forgotten() -> None:
    for name in ("alpha", "beta"):
        heard = Heard("manifest")
        heard.note(name, REPLY, SEEN)
        heard.remember([replace(FINE, host=name)])
    assert Heard("manifest").plan("alpha", REPLY) == FINE
    assert Heard("another").plan("alpha", REPLY) is None
