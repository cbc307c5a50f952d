"""HOST: the verb `clock`: what time this host thinks it is, and when it thinks it booted.

Reply: `clock`, seconds since 1970.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from state.kernel import Kernel

_TRIES = 5


def answer(kernel: Kernel, body: Mapping[str, Any]) -> Mapping[str, Any]:
    """The wall clock."""
    return {"clock": time.time()}


def boot_time() -> float:
    """When this host booted by its own wall clock, in seconds: adds to an event's time to make a time of day.

    The two clocks cannot be read at once; the reading that was interrupted least counts.
    """
    readings: list[tuple[float, float]] = []
    for _ in range(_TRIES):
        before = time.clock_gettime(time.CLOCK_MONOTONIC)
        wall = time.time()
        after = time.clock_gettime(time.CLOCK_MONOTONIC)
        readings.append((after - before, wall - (before + after) / 2))
    return min(readings)[1]
