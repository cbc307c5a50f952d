"""HOST: the agent's end of the conversation: frames on the standard input and on what was the standard output."""

from __future__ import annotations

import os
import select
from collections.abc import Sequence
from typing import Any, Optional

from state.frame import Frames, pack


class HungUp(Exception):
    """The workstation is gone."""


class Link:
    """A conversation with the workstation. `early` are frames that were read before the agent ran."""

    def __init__(self, incoming: int, outgoing: int, early: Sequence[bytes] = ()) -> None:
        self._incoming, self._outgoing = incoming, outgoing
        self._frames = Frames()
        for data in early:
            self._frames.feed(len(data).to_bytes(4, "big") + data)

    def receive(self) -> Any:
        """The next frame. Raises HungUp at the end."""
        while (value := self._frames.next()) is None:
            self._read()
        return value

    def glance(self) -> Optional[Any]:
        """The next frame if it is there already. Raises HungUp at the end."""
        value = self._frames.next()
        while value is None and select.select([self._incoming], [], [], 0)[0]:
            self._read()
            value = self._frames.next()
        return value

    def send(self, value: Any) -> None:
        """Send one frame. Raises HungUp when nobody listens any more."""
        view = memoryview(pack(value))
        try:
            while view:
                view = view[os.write(self._outgoing, view) :]
        except BrokenPipeError as error:
            raise HungUp from error

    def _read(self) -> None:
        data = os.read(self._incoming, 1 << 18)
        if not data:
            raise HungUp
        self._frames.feed(data)
