"""HOST: the verb `events`: what the datapath decides, as it happens, until the workstation says stop.

Request: `types`, which of drop, verdict, audit and trace are wanted. The stream: first an event `{"listening": true}`,
then batches `{"events": [...], "clock": ...}` of `state.kernel_bpf.Event`; `clock` is this host's wall clock minus its
time since boot when the stream began, in seconds, so that `time` can be placed: always in the order in which things
were.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Optional

from state import wire
from state.host.clock import boot_time
from state.kernel import Kernel
from state.problem import HostError, Problem


def answer(kernel: Kernel, body: Mapping[str, Any]) -> Iterator[Optional[Mapping[str, Any]]]:
    """The events of the types asked for, None whenever there was none for a while. Raises HostError without BPF."""
    if missing := kernel.bpf.missing():
        raise HostError(*(Problem(sentence) for sentence in missing))
    return stream(kernel, frozenset(body["types"]))


def stream(kernel: Kernel, types: frozenset[str]) -> Iterator[Optional[Mapping[str, Any]]]:
    """See `answer`."""
    listening = kernel.bpf.listen()
    first = next(listening)
    if "trace" in types:
        kernel.bpf.trace()
    booted = boot_time()
    yield {"listening": True}
    yield _batch(first, types, booted)
    for events in listening:
        yield _batch(events, types, booted)


def _batch(events: Any, types: frozenset[str], booted: float) -> Optional[Mapping[str, Any]]:
    wanted = [wire.dump(event) for event in events if event.type in types]
    return {"events": wanted, "clock": booted} if wanted else None
