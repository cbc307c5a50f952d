"""HOST: how the agent introduces itself: what the workstation compares, and what it shows."""

from __future__ import annotations

import os
import sys

from state.frame import PROTOCOL
from state.host import files

TYPE_CHECKING = False  # see `state.host.questions`
if TYPE_CHECKING:
    from typing import Any


def hello(digest: str) -> dict[str, Any]:
    """Who is speaking; `digest` is the agent's archive's."""
    return {
        "protocol": PROTOCOL,
        "digest": digest,
        "python": sys.version.split()[0],
        "kernel": files.release(),
        "boot_id": files.boot_id(),
        "uid": os.geteuid(),
    }
