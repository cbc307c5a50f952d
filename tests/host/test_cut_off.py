"""Nobody is locked out by their own range: whoever would be dropped as forged is told before anything is changed."""

from __future__ import annotations

import pytest

from state.facts import Scope
from state.host.facts import cut_off
from state.kernel import Route
from state.naming import PROTOCOL
from tests.fake_kernel import FakeKernel

SCOPE = Scope((), ("10.42.0.0/16", "fd42::/48"))
SLICE = Route("", "10.42.3.0/24", "lo", "", False, "", 0, 0, 254, "unicast", PROTOCOL)

CASES = [
    ("from elsewhere", "192.0.2.9 4711 192.0.2.1 22", (), False),
    ("from inside the range", "10.42.3.4 4711 192.0.2.1 22", (), True),
    ("from inside the other range, with a zone", "fd42::7%eth0 4711 2001:db8::1 22", (), True),
    ("from an endpoint that netctl has a route to", "10.42.3.4 4711 10.42.0.1 22", (SLICE,), False),
    ("from inside the range, beside netctl's routes", "10.42.4.4 4711 10.42.0.1 22", (SLICE,), True),
    ("not by SSH", "", (), False),
]


@pytest.mark.parametrize(("why", "connection", "routes", "told"), CASES, ids=[case[0] for case in CASES])
def test_who_would_be_locked_out_is_told(
    why: str, connection: str, routes: tuple[Route, ...], told: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSH_CONNECTION", connection)
    kernel = FakeKernel()
    kernel.net.put(routes)
    said = list(cut_off(kernel, SCOPE))
    assert bool(said) == told
    assert all("locked out" in sentence and connection.split()[0].partition("%")[0] in sentence for sentence in said)
