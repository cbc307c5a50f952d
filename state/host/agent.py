"""HOST: the agent: netctl's own code on a host, for as long as one connection lasts.

It greets, then answers requests until the workstation hangs up. What a verb does is in its own module, imported when it
is first asked for: starting must cost a host next to nothing. Nothing but frames is ever written to the workstation;
what goes wrong is a frame too.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import Any, Callable, Optional, Union, cast

from state.frame import FrameError
from state.host.greeting import hello
from state.host.link import HungUp, Link
from state.problem import HostError, NetctlError, Problem

Answer = Union[Mapping[str, Any], Iterator[Optional[Mapping[str, Any]]]]
"""What a verb returns: one answer; or a generator of events, with None whenever there was none for a while."""

VERBS: dict[str, str] = {
    "observe": "state.host.observe",
    "apply": "state.host.apply",
    "status": "state.host.status",
    "events": "state.host.events",
    "probe": "state.host.probe",
    "clock": "state.host.clock",
}
"""Verb -> the module whose `answer(kernel, body)` does it."""


def main(asked: Mapping[str, str], outgoing: int, early: list[bytes], greeted: bool = False) -> None:
    """Talk to the workstation until it hangs up. `asked` are the parameters of the first stage."""
    link = Link(0, outgoing, early)
    try:
        if not greeted:
            link.send(hello(asked["digest"]))
        serve(link, _Host())
    except HungUp:
        return


class _Host:
    """The kernel of this host, composed when a request first needs it."""

    def __init__(self) -> None:
        self._kernel: Any = None

    def __call__(self) -> Any:
        if self._kernel is None:
            self._kernel = import_module("state.host.linux").LinuxKernel()
        return self._kernel


def serve(link: Link, kernel: Callable[[], Any], verbs: Optional[Mapping[str, str]] = None) -> None:
    """Answer requests, one after the other. Raises HungUp at the end, also after what is no request."""
    known = VERBS if verbs is None else verbs
    while True:
        try:
            received: object = link.receive()
        except (FrameError, RecursionError) as error:
            # where the next one would begin is not known any more
            link.send({"id": 0, "error": _described("HostError", [Problem(f"the agent cannot read this: {error}")])})
            raise HungUp from error
        request = cast("dict[str, Any]", received) if isinstance(received, dict) else {}
        number = request.get("id", 0)
        try:
            if not isinstance(received, dict):
                raise HostError.of("the agent was asked something that is no request")
            if request.get("verb") not in known:
                raise HostError.of(f"the agent does not know the verb {request.get('verb')!r}")
            reply = import_module(known[request["verb"]]).answer(kernel(), request.get("body", {}))
            if not isinstance(reply, Mapping):
                _stream(link, number, reply)
                reply = {}
            link.send({"id": number, "ok": reply})
        except HungUp:
            raise
        except NetctlError as error:
            link.send({"id": number, "error": _described(type(error).__name__, error.problems)})
        except OSError as error:
            link.send({"id": number, "error": _described("HostError", [_refused(error)])})
        except Exception:  # noqa: BLE001  (the outermost: a bug is told, too, and nothing else may reach the workstation)
            link.send({"id": number, "error": _described("HostError", [_bug()])})


def _stream(link: Link, number: int, events: Any) -> None:
    """Send events until there are no more, or the workstation says stop or hangs up."""
    import gc

    gc.enable()
    try:
        for event in events:
            if event is not None:
                link.send({"id": number, "event": event})
            said = link.glance()
            if said is not None and said.get("stop") == number:
                return
    finally:
        events.close()


def _described(name: str, problems: Any) -> dict[str, Any]:
    from state import wire

    return {"type": name, "problems": [wire.dump(problem) for problem in problems]}


def _refused(error: OSError) -> Problem:
    import traceback  # it takes 7 ms, and is rarely needed

    where = f" {error.filename}" if error.filename else ""
    return Problem(f"the host refused: {error.strerror or error}{where}", traceback.format_exc(limit=-3))


def _bug() -> Problem:
    import traceback

    lines = traceback.format_exc().strip().splitlines()
    return Problem(f"the agent failed: {lines[-1]}", "This is a bug in netctl.\n" + "\n".join(lines))
