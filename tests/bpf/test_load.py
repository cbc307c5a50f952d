"""Every object loads in every configuration a host can have."""

from __future__ import annotations

import itertools
import re
from pathlib import Path

import pytest

from bpf.layout import Reason
from tests.bpf import datapath
from tests.bpf.rows import web
from tests.bpf.world import IPV4, IPV6, Rules, tables

COMBINATIONS = [
    pytest.param(mode, ipv4, ipv6, id=f"{('overlay', 'native')[mode]}, IPv4 {ipv4}, IPv6 {ipv6}")
    for mode, (ipv4, ipv6) in itertools.product((0, 1), ((1, 1), (1, 0), (0, 1)))
]


@pytest.mark.parametrize(("mode", "ipv4", "ipv6"), COMBINATIONS)
def test_the_verifier_accepts_every_configuration(objects: None, mode: int, ipv4: int, ipv6: int) -> None:
    with datapath.datapath(network_mode=mode, ipv4_enabled=ipv4, ipv6_enabled=ipv6) as loaded:
        loaded.reset(tables(Rules()))
        for family, enabled in ((IPV4, ipv4), (IPV6, ipv6)):
            outcome = loaded.run("from_endpoint", web(family, "db").frame())
            assert outcome.counted == (("passed new" if enabled else "family off", "egress"),)


def test_every_configuration_is_tried() -> None:
    source = (Path(datapath.SOURCES) / "config.h").read_text()
    settings = set(re.findall(r"^const volatile [\w ]+ (?!exported_)(\w+) =", source, re.MULTILINE))
    assert settings == {"network_mode", "ipv4_enabled", "ipv6_enabled", "ticks_per_second"}


def test_every_reason_has_a_name_and_a_test() -> None:
    written = "".join(path.read_text() for path in Path(__file__).parent.glob("test_*.py"))
    names = {reason.name.lower().replace("_", " ") for reason in Reason} - {"reasons"}
    untested = {name for name in names if f'"{name}"' not in written}
    assert not untested


def test_the_listeners_cost_nothing_and_miss_nothing(overlay: datapath.Datapath) -> None:
    overlay.reset(tables(Rules(db_ingress=())))
    outcome = overlay.run("from_endpoint", web(IPV4, "db").frame())
    assert [(event.type, event.direction, event.endpoint) for event in outcome.events] == [
        ("verdict", "egress", 1),
        ("drop", "ingress", 2),
    ]
