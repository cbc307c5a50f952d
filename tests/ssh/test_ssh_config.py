"""What ~/.ssh/config means."""

from __future__ import annotations

import getpass
from pathlib import Path

import pytest

from inventory.ssh_config import Hop, SshSettings
from state.problem import Unreachable


def hop(tmp_path: Path, text: str, name: str, **arguments: object) -> Hop:
    """How a name is reached under an ssh_config."""
    (tmp_path / "config").write_text(text)
    return SshSettings(tmp_path / "config").hop(name, **arguments)  # type: ignore[arg-type]


def test_a_name_that_is_not_there_is_an_address(tmp_path: Path) -> None:
    found = hop(tmp_path, "", "203.0.113.11")
    assert (found.address, found.port, found.user, found.jump) == ("203.0.113.11", 22, getpass.getuser(), None)


def test_an_alias_gives_name_port_user_and_keys(tmp_path: Path) -> None:
    text = "Host al*\n HostName %h.example\n Port 2222\n User deploy\n IdentityFile /keys/%h\n IdentitiesOnly yes\n"
    found = hop(tmp_path, text, "alpha")
    assert (found.address, found.port, found.user) == ("alpha.example", 2222, "deploy")
    assert found.identity_files == (Path("/keys/alpha.example"),)
    assert found.identities_only


def test_what_the_manifest_says_counts_more(tmp_path: Path) -> None:
    found = hop(tmp_path, "Host *\n User deploy\n Port 2222\n", "alpha", user="root", port=22)
    assert (found.user, found.port) == ("root", 22)


def test_a_chain_of_jump_hosts_is_walked_from_the_near_end(tmp_path: Path) -> None:
    text = "Host alpha\n ProxyJump ada@edge:2222,[fd00::1]:23\nHost edge\n HostName 203.0.113.1\n"
    found = hop(tmp_path, text, "alpha")
    assert found.jump is not None
    assert (found.jump.address, found.jump.port) == ("fd00::1", 23)
    assert found.jump.jump is not None
    assert (found.jump.jump.address, found.jump.jump.port, found.jump.jump.user) == ("203.0.113.1", 2222, "ada")
    assert found.jump.jump.jump is None


def test_a_jump_host_may_have_one_of_its_own(tmp_path: Path) -> None:
    found = hop(tmp_path, "Host alpha\n ProxyJump mid\nHost mid\n ProxyJump edge\n", "alpha")
    assert found.jump is not None
    assert found.jump.jump is not None
    assert found.jump.jump.name == "edge"


def test_a_circle_of_jump_hosts_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Unreachable, match="ProxyJump goes in a circle"):
        hop(tmp_path, "Host a\n ProxyJump b\nHost b\n ProxyJump a\n", "a")


def test_an_included_file_counts_where_it_stands(tmp_path: Path) -> None:
    (tmp_path / "first.conf").write_text("Host alpha\n User first\n")
    (tmp_path / "second.conf").write_text("Host *\n User second\n Port 2\n")
    text = "Include first.conf\nHost beta\n Include second.conf\n HostName 203.0.113.2\nHost *\n Port 9\n"
    alpha, beta = (hop(tmp_path, text, name) for name in ("alpha", "beta"))
    assert (alpha.user, beta.address, beta.user) == ("first", "203.0.113.2", "second")


def test_no_jump_and_no_proxy_can_be_said(tmp_path: Path) -> None:
    found = hop(tmp_path, "Host alpha\n ProxyJump none\nHost *\n ProxyJump edge\n", "alpha")
    assert found.jump is None


def test_a_proxy_command_is_a_way_too(tmp_path: Path) -> None:
    assert hop(tmp_path, "Host *\n ProxyCommand nc %h %p\n", "alpha").proxy == "nc alpha 22"


def test_the_users_file_counts_more_than_the_systems(tmp_path: Path) -> None:
    (tmp_path / "user").write_text("Host alpha\n User ada\n")
    (tmp_path / "system").write_text("User everybody\nPort 2200\n")
    found = SshSettings(tmp_path / "user", tmp_path / "system").hop("alpha")
    assert (found.user, found.port) == ("ada", 2200)
