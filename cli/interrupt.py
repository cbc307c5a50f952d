"""WORKSTATION: Ctrl-C in two steps: the first ends what has begun and begins nothing more, the second stops at once."""

from __future__ import annotations

import signal
import sys
from types import FrameType, TracebackType
from typing import Any, Optional


class Interrupt:
    """While entered, the first SIGINT or SIGTERM sets `requested`; the second raises KeyboardInterrupt."""

    def __init__(self) -> None:
        self.requested = False
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Interrupt:
        for number in (signal.SIGINT, signal.SIGTERM):
            self._before[number] = signal.signal(number, self._handle)
        return self

    def __exit__(
        self, kind: Optional[type[BaseException]], error: Optional[BaseException], trace: Optional[TracebackType]
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _handle(self, number: int, frame: Optional[FrameType]) -> None:
        if self.requested:
            raise KeyboardInterrupt
        self.requested = True
        print("\nFinishing the current step. Press Ctrl-C again to stop at once.", file=sys.stderr, flush=True)
