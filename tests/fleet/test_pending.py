"""An endpoint in a namespace that somebody else makes: waited for, known everywhere else, made when it is there."""

from __future__ import annotations

from collections.abc import Generator

import pytest

from tests.fleet.town import Town


@pytest.fixture
def waiting(town: Town) -> Generator[Town]:
    """The hosts, applied, with the database in a namespace that is not there yet."""
    town.edit("attach: {netns: db-1}", "attach: {netns: theirs, create: false}")
    yield town
    if "theirs" in town.on("beta", "ip netns"):
        town.on("beta", "ip netns del theirs")


def test_it_is_shown_and_no_error(waiting: Town) -> None:
    done = waiting.apply()
    assert "shop/db-1" in done.out
    assert "pending" in done.out
    planned = waiting.plan()
    assert planned["changes"] == []
    assert planned["errors"] == []
    assert planned["pending"] == [{"host": "beta", "endpoint": "shop/db-1"}]
    status = waiting.netctl("status", "--detailed-exitcode")
    assert status.code == 0
    assert "shop/db-1" in status.out
    assert "theirs" not in waiting.on("beta", "ip netns"), "it is not netctl's to make"


def test_it_is_known_everywhere_else(waiting: Town) -> None:
    waiting.apply()
    db = waiting.endpoint("shop/db-1")
    known = "from state.host.linux import LinuxKernel; from state.kinds import generation; k = LinuxKernel()\n"
    known += f"print(generation.logical(k).peers['{db.ipv4}'].identity)"
    for host in waiting.hosts:
        assert waiting.python(host, known) == f"{db.identity}\n"
    assert waiting.on("alpha", f"ip route get {db.ipv4}").startswith(f"{db.ipv4} via 169.254.110.110 dev nc-overlay")


def test_when_its_namespace_appears_the_next_plan_makes_it(waiting: Town) -> None:
    waiting.apply()
    waiting.on("beta", "ip netns add theirs")
    planned = waiting.plan()
    assert planned["pending"] == []
    assert {change["host"] for change in planned["changes"]} == {"beta"}
    assert {tuple(change["actions"]) for change in planned["changes"]} == {("create",)}
    assert ("device", "nc-0883") in {(change["kind"], change["address"]) for change in planned["changes"]}
    waiting.settle()
    waiting.passes()
    waiting.destroy()
    assert "theirs" in waiting.on("beta", "ip netns"), "it is not netctl's to remove"


def test_when_its_namespace_goes_it_waits_again(waiting: Town) -> None:
    waiting.on("beta", "ip netns add theirs")
    waiting.settle()
    waiting.on("beta", "ip netns del theirs")
    planned = waiting.plan()
    assert planned["pending"] == [{"host": "beta", "endpoint": "shop/db-1"}]
    waiting.settle()
    assert waiting.netctl("status", "--detailed-exitcode").code == 0
