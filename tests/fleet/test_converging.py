"""Apply makes a host what the manifest says, from wherever it starts, and touches nothing that is right already."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.fleet.look import changed, identities, settled
from tests.fleet.town import Town


def other_policy(town: Town) -> None:
    town.edit('[{port: "6379", protocol: TCP}]}]\n---', '[{port: "6380", protocol: TCP}]}]\n---', "policies.yaml")


def other_labels(town: Town) -> None:
    town.edit("labels: {app: cache}", "labels: {app: web}")


def other_addresses(town: Town) -> None:
    town.edit("netns: db-1}, ports", 'netns: db-1}, address: {ipv4: 10.42.21.7, ipv6: "fd42:0:0:52cf::7"}, ports')


def one_more(town: Town) -> None:
    town.edit(
        "  probe: {host",
        "  web-2: {host: beta, namespace: shop, labels: {app: web}, attach: {netns: w2}}\n  probe: {host",
    )


def one_less(town: Town) -> None:
    town.edit(
        "  cache-1: {host: alpha, namespace: shop, labels: {app: cache}, attach: {netns: cache-1}}\n", "", lock=False
    )
    town.edit("  - {from: shop/web-1, to: shop/cache-1, port: 6379/TCP, expect: allow}\n", "", lock=False)
    town.edit("  - {from: shop/cache-1, to: shop/db-1, port: 5432/TCP, expect: deny}\n", "", lock=False)
    town.edit("  - {from: shop/cache-1, to: alpha, protocol: ICMP, expect: allow}\n", "")


def moved(town: Town) -> None:
    town.edit("probe: {host: beta", "probe: {host: alpha")


def other_netns(town: Town) -> None:
    town.edit("attach: {netns: db-1}", "attach: {netns: database}")


def renamed(town: Town) -> None:
    path = town.folder / "netctl.yaml"
    text = path.read_text().replace("cache-1: {", "store-1: {").replace("shop/cache-1", "shop/store-1")
    path.write_text(text)
    town.lock()


def exchanged(town: Town) -> None:
    town.edit("attach: {netns: web-1}", "attach: {netns: between}", lock=False)
    town.edit("attach: {netns: cache-1}", "attach: {netns: web-1}", lock=False)
    town.edit("attach: {netns: between}", "attach: {netns: cache-1}")


def other_port(town: Town) -> None:
    town.edit("mode: overlay", "mode: overlay\n  port: 4789")


def native(town: Town) -> None:
    town.edit("mode: overlay", "mode: native")


def one_family(town: Town) -> None:
    town.edit("{ipv4: 10.42.0.0/16, ipv6: fd42::/48}", "{ipv4: 10.42.0.0/16}", lock=False)
    town.edit('  - {from: ops/probe, to: "2001:db8:fa::20", port: 80/TCP, expect: allow}\n', "")


EDITS = [
    other_policy, other_labels, other_addresses, one_more, one_less, moved, other_netns, renamed, exchanged, other_port,
    native, one_family,
]  # fmt: skip


def test_what_is_applied_is_all_there_and_a_second_apply_does_nothing(bare: Town) -> None:
    assert bare.netctl("plan", "--detailed-exitcode").code == 2
    first = bare.apply()
    assert "Apply complete!" in first.out
    planned = bare.netctl("plan", "--detailed-exitcode")
    assert (planned.code, planned.out.splitlines()[-1]) == (0, "No changes. Every host is what the manifest says.")
    before = identities(bare)
    second = bare.netctl("apply", "--yes", "--format", "json")
    assert second.code == 0
    assert [(host["outcome"], host["done"], host["left"]) for host in second.json["hosts"]] == [
        ("unchanged", [], [])
    ] * 2
    assert identities(bare) == before


@pytest.fixture(scope="module")
def fresh(lab: Town) -> dict[str, str]:
    """The hosts when the manifest was applied to them and nothing else ever was."""
    lab.restore()
    lab.down()
    lab.boot()
    lab.apply()
    return {host: settled(lab, host) for host in lab.hosts}


@pytest.mark.parametrize("edit", EDITS)
def test_the_way_to_a_manifest_does_not_show(town: Town, fresh: dict[str, str], edit: Callable[[Town], None]) -> None:
    edit(town)
    town.settle()
    town.agrees()
    town.restore()
    town.settle()
    odd = changed(fresh, {host: settled(town, host) for host in town.hosts})
    assert not odd, odd


TOUCHED: list[tuple[Callable[[Town], None], set[str]]] = [
    (other_policy, {"alpha table verdicts", "alpha table pages", "alpha table policies"}),
    (other_labels, {"table addresses", "table verdicts", "table pages", "table policies", "table blocks"}),
    (
        one_more,
        {"table addresses", "table verdicts", "table pages", "table policies", "beta table blocks"}
        | {
            "beta device nc-0f62",
            "beta netns w2",
            "beta table connections 3938",
            "beta /sys/fs/bpf/netctl/links/nc-0f62",
        },
    ),
]


@pytest.mark.parametrize(("edit", "touched"), TOUCHED)
def test_what_a_change_does_not_concern_keeps_its_identity(
    town: Town, edit: Callable[[Town], None], touched: set[str]
) -> None:
    before = identities(town)
    edit(town)
    town.settle()
    after = identities(town)
    differing = {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)}
    assert differing
    assert {name for name in differing if not any(part in name for part in touched)} == set()
