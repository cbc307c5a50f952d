"""HOST: how the agent introduces itself: what the workstation compares, and what it shows."""

from __future__ import annotations

import os
import sys

from state.frame import PROTOCOL

TYPE_CHECKING = False  # see `state.host.questions`
if TYPE_CHECKING:
    from typing import Any


def hello(digest: str) -> dict[str, Any]:
    """Who is speaking; `digest` is the agent's archive's."""
    with open("/proc/sys/kernel/random/boot_id") as file:
        boot_id = file.read().strip()
    return {
        "protocol": PROTOCOL,
        "digest": digest,
        "python": sys.version.split()[0],
        "kernel": os.uname().release,
        "boot_id": boot_id,
        "uid": os.geteuid(),
    }
