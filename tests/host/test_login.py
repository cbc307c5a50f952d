"""Where one is logged in from, also to whom sudo does not say it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ASK = f"{sys.executable} -c 'from state.host.login import connection; print(*connection())'"
HERE = "192.0.2.9 4711 198.51.100.1 22"

CASES = [
    ("the SSH server's own child", ASK),
    ("what sudo starts", f"env -u SSH_CONNECTION {ASK}"),
    ("what sudo starts, further down", f'env -u SSH_CONNECTION sh -c "sh -c \\"{ASK}; true\\"; true"; true'),
]


@pytest.mark.parametrize(("who", "command"), CASES, ids=[case[0] for case in CASES])
def test_the_connection_is_known(who: str, command: str) -> None:
    environment = {**os.environ, "SSH_CONNECTION": HERE}
    done = subprocess.run(["sh", "-c", f"{command}; true"], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout == f"{HERE}\n"


def test_the_connection_is_known_below_a_process_whose_name_is_no_text(tmp_path: Path) -> None:
    odd = os.fsencode(tmp_path) + b"/\xff"
    shutil.copy(b"/bin/sh", odd)
    environment = {**os.environ, "SSH_CONNECTION": HERE}
    inner = f"env -u SSH_CONNECTION {ASK}; true"
    outer = [b"env", b"-u", b"SSH_CONNECTION", odd, b"-c", inner.encode()]
    done = subprocess.run(
        ["sh", "-c", '"$@"; true', "sh", *outer], env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout == f"{HERE}\n"


def test_who_is_told_of_no_connection_looks_no_further() -> None:
    environment = {**os.environ, "SSH_CONNECTION": HERE}
    command = f"SSH_CONNECTION= {ASK}; true"
    done = subprocess.run(["sh", "-c", command], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.split() == []
