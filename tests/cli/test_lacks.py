"""What a host's kernel lacks is told in a sentence, once for all hosts it holds for, and stops nothing."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

import cli.connect
from cli.app import main
from tests.cli import fake_fleet

EXAMPLE = Path(__file__).parent.parent.parent / "examples" / "three-hosts"
LACKS = {
    "tcx": "Note: the kernel has no tcx (6.6 and newer have): programs are attached by clsact",
    "jit": "Warning: the kernel does not compile BPF programs: every packet costs several times more",
    "nft": "Warning: nftables is missing: what an endpoint sends to the outside is dropped, but for replies",
}


@pytest.mark.parametrize("name", LACKS)
def test_what_two_hosts_lack_is_said_once(
    name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    members = fake_fleet.three()
    for host in ("alpha", "gamma"):
        known = members[host].facts
        members[host].facts = replace(known, features=replace(known.features, **{name: False}))
    monkeypatch.setattr(cli.connect, "connect", fake_fleet.connector(members))
    assert main(["plan", str(EXAMPLE), "--lab"]) == 0
    told = capsys.readouterr().err
    assert told.count(LACKS[name]) == 1
    assert told.count("  with hosts alpha, gamma") == 1
    assert "Traceback" not in told
    assert sum(told.count(sentence) for sentence in LACKS.values()) == 1
