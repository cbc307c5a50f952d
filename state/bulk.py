"""BOTH SIDES: large tables are compared by digest, so that their values cross the wire only where they differ.

A request names the digest the workstation expects of each bulk kind; a reply holds values only for the others.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from state import wire
from state.change import Found


def shown(found: Mapping[str, Found[Any]]) -> dict[str, Any]:
    """Observed values as they cross the wire."""
    return {address: {"value": wire.dump(item.value), "owned": item.owned} for address, item in found.items()}


def digest(values: Mapping[str, Any]) -> str:
    """The digest of values as they cross the wire: equal tables have equal digests, on every machine."""
    return hashlib.sha256(json.dumps(values, sort_keys=True, separators=(",", ":")).encode()).hexdigest()
