"""`netctl monitor` beside a test: what it says while the test makes things happen."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager
from itertools import islice

from tests.fleet.town import ROOT, Town


@contextmanager
def monitor(town: Town, lines: int, *words: str) -> Generator[Callable[[int], list[list[str]]]]:
    """While entered, netctl monitors; the function waits for so many events, of `lines` lines each, and gives them.

    What an endpoint's own stack tells its neighbours unasked, soon after it was made, does not count.
    """
    command = [sys.executable, str(ROOT / "netctl.py"), "monitor", str(town.folder), "--lab", "--timeout", "15", *words]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True) as process:
        assert process.stderr is not None
        assert process.stderr.readline() == "Listening on alpha, beta.\n"
        assert process.stdout is not None
        said = iter(process.stdout.readline, "")

        def events(count: int) -> list[list[str]]:
            each = iter(lambda: list(islice(said, lines)), [])
            return list(islice((event for event in each if "ff02::" not in event[0]), count))

        yield events
        process.kill()
