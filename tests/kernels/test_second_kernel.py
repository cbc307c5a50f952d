"""The datapath, and two hosts over SSH, on Linux 6.1: no tcx, no BTF, no JIT, no nftables."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.kernels import selection, uml


def test_the_datapath_and_two_hosts_on_user_mode_linux(
    tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    if missing := uml.available():
        pytest.skip(missing)
    began = time.monotonic()
    result = uml.run(selection.command(*selection.QUICK), tmp_path / "out", selection.ROOT)
    summary = selection.summary(result.output)
    record_property("note", f"User-Mode Linux: {summary} in {time.monotonic() - began:.0f} s")
    if result.status or "passed" not in summary:
        pytest.fail(f"in the guest: exit status {result.status}, {summary}\n{result.output}", pytrace=False)


def test_a_guest_tells_how_its_job_ended(tmp_path: Path) -> None:
    if missing := uml.available():
        pytest.skip(missing)
    result = uml.run(["sh", "-c", "uname -r; exit 7"], tmp_path / "out", tmp_path)
    assert result.status == 7
    assert "6.1." in result.output
