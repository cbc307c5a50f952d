"""An arranged race: a store of the word is announced by the word's highest bit, and comes a little later.

It comes to the hosts as a part of `bpf.generation`. Programs as they are do not know the bit. Those that wait for it to
go (see `WAIT` beside this file) are overtaken by the store, each time: what else happens once in a thousand changes.
"""

from __future__ import annotations

import os
import time

from bpf import maps

SOON = 1 << 63
MEANWHILE = 0.01

_store = maps.store


def store(fd: int, word: int) -> None:
    """Announce, then store; not on the processor where the packets are, which may be waiting for it."""
    processors = os.sched_getaffinity(0)
    os.sched_setaffinity(0, processors - {max(processors)} or processors)
    found = maps.lookup(fd, bytes(4), 8)
    if found is not None and any(found):
        _store(fd, int.from_bytes(found, "little") | SOON)
        time.sleep(MEANWHILE)
    _store(fd, word)
    os.sched_setaffinity(0, processors)


maps.store = store
