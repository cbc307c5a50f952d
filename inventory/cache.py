"""WORKSTATION: the folder of this user's that netctl keeps things in which took long to find out."""

from __future__ import annotations

import os
from pathlib import Path


def cache_folder() -> Path:
    """The folder. Raises RuntimeError for a user without a home."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "netctl"
