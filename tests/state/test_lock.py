"""The lock keeps numbers stable: what is there stays, branches merge, and what is said twice is refused by name."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import Optional

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from state.lock import Lock, allocate, number, prune
from state.lock_lines import IdentityLine, SeatLine, SliceLine, parse, text
from state.manifest import EndpointEntry, HostEntry, Manifest, Namespace, Network, Ranges, Ssh, Underlay
from state.problem import ManifestError, Source

HERE = Source("netctl.yaml", 1)
Placement = Mapping[str, tuple[str, str]]
HOSTS = [f"h{place}" for place in range(6)]


def host(name: str, ipv4: str = "", ipv6: str = "") -> HostEntry:
    """A host, perhaps with a slice of its own."""
    fixed4, fixed6 = IPv4Network(ipv4) if ipv4 else None, IPv6Network(ipv6) if ipv6 else None
    return HostEntry(name, name, Ssh(), Underlay(), {}, fixed4, fixed6, HERE)


def endpoint(name: str, on: str, app: str = "web", ipv4: str = "", ipv6: str = "") -> EndpointEntry:
    """An endpoint, perhaps with an address of its own."""
    fixed4, fixed6 = IPv4Address(ipv4) if ipv4 else None, IPv6Address(ipv6) if ipv6 else None
    return EndpointEntry("default", name, on, {"app": app}, name, {}, fixed4, fixed6, HERE)


def manifest(
    hosts: Iterable[HostEntry],
    endpoints: Iterable[EndpointEntry],
    ranges: Ranges = Ranges(IPv4Network("10.42.0.0/16"), IPv6Network("fd42::/48")),  # noqa: B008  (frozen)
    cluster: int = 1,
) -> Manifest:
    """A manifest of just these."""
    return Manifest(
        "shop", cluster, Network(), ranges, {item.name: item for item in hosts},
        {"default": Namespace("default", {}, HERE)}, {item.key: item for item in endpoints}, (), (),
    )  # fmt: skip


def simple(placed: Placement, hosts: Iterable[str] = HOSTS) -> Manifest:
    """A manifest of endpoints by name, each with its host and its app label."""
    return manifest(map(host, hosts), [endpoint(name, on, app) for name, (on, app) in placed.items()])


PLACED = st.dictionaries(
    st.from_regex("[a-d][0-9]", fullmatch=True),
    st.tuples(st.sampled_from(HOSTS), st.sampled_from(["web", "db", "cache", "queue"])),
    max_size=12,
)


def seats(lock: Lock) -> dict[str, SeatLine]:
    """The seats of a lock by endpoint."""
    return {line.key: line for line in lock.seats}


def numbers(lock: Lock) -> dict[tuple[str, ...], int]:
    """The active identity numbers of a lock."""
    return {line.labels: line.number for line in lock.identities if not line.retired}


def unlocked(lock: Lock) -> Lock:
    """The lock as its file says it."""
    again, problems = parse(text(lock))
    assert problems == []
    return again


@settings(max_examples=60, deadline=None)
@given(PLACED)
def test_allocating_twice_changes_nothing(placed: Placement) -> None:
    once = allocate(simple(placed), Lock())
    assert allocate(simple(placed), once) == once
    assert unlocked(once) == once
    number(simple(placed), unlocked(once))


@settings(max_examples=60, deadline=None)
@given(PLACED, PLACED)
def test_adding_never_moves_what_is_there(first: Placement, more: Placement) -> None:
    before = allocate(simple(first), Lock())
    after = allocate(simple({**more, **first}), before)
    assert {**seats(after), **seats(before)} == seats(after)
    assert {**numbers(after), **numbers(before)} == numbers(after)
    assert after.slices == before.slices


@settings(max_examples=60, deadline=None)
@given(PLACED, PLACED)
def test_what_one_host_holds_depends_on_no_other(here: Placement, there: Placement) -> None:
    mine = {name: ("h0", app) for name, (_, app) in here.items()}
    others = {f"x{name}": ("h1", app) for name, (_, app) in there.items()}
    alone, together = allocate(simple(mine), Lock()), allocate(simple({**mine, **others}), Lock())
    assert {key: line for key, line in seats(together).items() if line.host == "h0"} == seats(alone)


@settings(max_examples=60, deadline=None)
@given(PLACED, PLACED, PLACED)
def test_two_branches_merge(base: Placement, ours: Placement, theirs: Placement) -> None:
    """Git's union of both files, in either order, with or without markers: one result, and the base stays."""
    start = allocate(simple(base), Lock())
    left, right = ({**side, **base} for side in (ours, theirs))
    merged = simple({**right, **left})
    files = [text(allocate(simple(side), start)) for side in (left, right)]
    union = "\n".join(files)
    conflict = "<<<<<<< HEAD\n" + files[0] + "||||||| base\nnonsense\n=======\n" + files[1] + ">>>>>>> theirs\n"
    mended = [allocate(merged, parse(both, mend=True)[0]) for both in (union, "\n".join(reversed(files)), conflict)]
    assert mended[0] == mended[1] == mended[2]
    assert {**seats(mended[0]), **seats(start)} == seats(mended[0])
    assert {**numbers(mended[0]), **numbers(start)} == numbers(mended[0])
    number(merged, unlocked(mended[0]))


@settings(max_examples=60, deadline=None)
@given(PLACED)
def test_everything_is_unique_and_in_its_place(placed: Placement) -> None:
    cluster = number(simple(placed), allocate(simple(placed), Lock()))
    networks = [host.slice_ipv4 for host in cluster.hosts.values() if host.slice_ipv4]
    assert len({*networks}) == len(HOSTS)
    assert [host.number for host in cluster.hosts.values()] == [*range(1, len(HOSTS) + 1)]
    for item in cluster.endpoints.values():
        on = cluster.hosts[item.host]
        assert on.slice_ipv4 is not None
        assert on.slice_ipv6 is not None
        assert item.ipv4 in [*on.slice_ipv4][2:-1]
        assert item.ipv6 in on.slice_ipv6
        assert item.ipv6 not in (on.slice_ipv6[0], on.slice_ipv6[1])
        assert 1 <= item.id <= 4095
        assert 1 << 16 | 256 <= item.identity <= 1 << 16 | 65535
        assert cluster.identities[item.identity] == item.identity_labels
    for attribute in ("ipv4", "ipv6", "key"):
        assert len({getattr(item, attribute) for item in cluster.endpoints.values()}) == len(placed)
    assert len({(item.host, item.id) for item in cluster.endpoints.values()}) == len(placed)
    by_app = {placed[item.name][1]: item.identity for item in cluster.endpoints.values()}
    assert all(by_app[placed[item.name][1]] == item.identity for item in cluster.endpoints.values())


def test_a_removed_identity_is_retired_comes_back_with_its_number_and_is_pruned() -> None:
    both, one = simple({"a1": ("h0", "web"), "a2": ("h0", "db")}), simple({"a1": ("h0", "web")})
    first = allocate(both, Lock())
    removed = allocate(one, first)
    retired = [line for line in removed.identities if line.retired]
    assert [line.labels[0] for line in retired] == ["k8s:app=db"]
    assert allocate(both, removed) == first
    assert retired[0].number in number(one, removed).identities
    assert prune(removed).identities == tuple(line for line in removed.identities if not line.retired)
    number(one, prune(removed))


def test_a_new_identity_does_not_take_a_retired_number() -> None:
    full = tuple(IdentityLine(place, (f"k8s:old={place}",), True) for place in range(1 << 16 | 256, 1 << 16 | 65535))
    lock = allocate(simple({"a1": ("h0", "web")}), Lock(identities=full))
    assert [*numbers(lock).values()] == [1 << 16 | 65535]


def test_when_all_numbers_are_taken_pruning_is_advised() -> None:
    full = tuple(IdentityLine(place, (f"k8s:old={place}",), True) for place in range(1 << 16 | 256, 2 << 16))
    with pytest.raises(ManifestError) as raised:
        allocate(simple({"a1": ("h0", "web")}), Lock(identities=full))
    assert raised.value.problems[0].summary == "all 65280 identity numbers are taken"
    assert "--prune" in raised.value.problems[0].detail


def test_another_cluster_number_gives_other_identities_and_retires_the_old_ones() -> None:
    item = endpoint("a1", "h0")
    first = allocate(manifest([host("h0")], [item]), Lock())
    second = allocate(manifest([host("h0")], [item], cluster=7), first)
    assert [(line.number >> 16, line.retired) for line in second.identities] == [(1, True), (7, False)]
    assert second.seats == first.seats


def test_an_endpoint_that_moves_gets_an_address_of_its_new_host() -> None:
    first = allocate(simple({"a1": ("h0", "web"), "a2": ("h0", "web")}), Lock())
    moved = allocate(simple({"a1": ("h1", "web"), "a2": ("h0", "web")}), first)
    assert seats(moved)["default/a2"] == seats(first)["default/a2"]
    assert seats(moved)["default/a1"].host == "h1"
    number(simple({"a1": ("h1", "web"), "a2": ("h0", "web")}), moved)


def test_a_fixed_slice_and_a_fixed_address_win() -> None:
    wanted = manifest(
        [host("h0", "10.42.7.0/24", "fd42:0:0:7::/64"), host("h1")],
        [endpoint("a1", "h0", ipv4="10.42.7.9", ipv6="fd42:0:0:7::9"), endpoint("a2", "h1", ipv4="10.42.200.20")],
    )
    cluster = number(wanted, allocate(wanted, Lock()))
    assert (str(cluster.endpoints["default/a1"].ipv4), str(cluster.endpoints["default/a1"].ipv6)) == (
        "10.42.7.9",
        "fd42:0:0:7::9",
    )
    assert str(cluster.hosts["h1"].slice_ipv4) == "10.42.200.0/24"


def test_whoever_holds_an_address_that_is_fixed_for_another_moves() -> None:
    first = allocate(manifest([host("h0")], [endpoint("a1", "h0")]), Lock())
    address = seats(first)["default/a1"].ipv4
    wanted = manifest([host("h0")], [endpoint("a1", "h0"), endpoint("a2", "h0", ipv4=str(address))])
    second = allocate(wanted, first)
    assert seats(second)["default/a2"].ipv4 == address
    assert seats(second)["default/a1"].ipv4 != address
    assert seats(second)["default/a1"].id == seats(first)["default/a1"].id


def test_an_address_fixed_inside_another_hosts_slice_is_refused_by_name() -> None:
    first = allocate(manifest([host("h0"), host("h1")], []), Lock())
    inside = next(line.ipv4 for line in first.slices if line.host == "h1")
    assert inside is not None
    wanted = manifest([host("h0"), host("h1")], [endpoint("a1", "h0", ipv4=str(inside[9]))])
    with pytest.raises(ManifestError) as raised:
        allocate(wanted, first)
    assert raised.value.problems[0].summary == (
        f"the address {inside[9]} fixed on host h0 lies in the slice {inside} of host h1"
    )


def test_a_host_whose_slice_somebody_else_fixes_moves_with_its_endpoints() -> None:
    first = allocate(manifest([host("h0")], [endpoint("a1", "h0")]), Lock())
    taken = first.slices[0].ipv4
    second = allocate(manifest([host("h0"), host("h1", str(taken))], [endpoint("a1", "h0")]), first)
    by_host = {line.host: line.ipv4 for line in second.slices}
    assert by_host["h1"] == taken
    assert by_host["h0"] != taken
    assert seats(second)["default/a1"].ipv4 in (by_host["h0"] or [])


def test_a_range_as_long_as_the_prefix_belongs_to_one_host_whole() -> None:
    whole = manifest([host("h0")], [endpoint("a1", "h0")], Ranges(IPv4Network("10.42.7.0/24"), None))
    cluster = number(whole, allocate(whole, Lock()))
    assert str(cluster.hosts["h0"].slice_ipv4) == "10.42.7.0/24"
    assert (cluster.hosts["h0"].slice_ipv6, cluster.endpoints["default/a1"].ipv6) == (None, None)


@pytest.mark.parametrize("prefix", [28, 29, 30])
def test_a_small_slice_is_filled_to_its_last_address(prefix: int) -> None:
    room = 2 ** (32 - prefix) - 3
    ranges = Ranges(IPv4Network(f"10.42.7.0/{prefix}"), None, prefix)
    full = manifest([host("h0")], [endpoint(f"a{place}", "h0") for place in range(room)], ranges)
    assert len({line.ipv4 for line in allocate(full, Lock()).seats}) == room
    with pytest.raises(ManifestError, match="there is no free address in"):
        allocate(manifest([host("h0")], [endpoint(f"a{place}", "h0") for place in range(room + 1)], ranges), Lock())


def test_a_full_range_of_slices_is_used_to_its_last_one() -> None:
    ranges = Ranges(IPv4Network("10.42.0.0/20"), None)
    lock = allocate(manifest([host(f"h{place}") for place in range(16)], [], ranges), Lock())
    assert len({line.ipv4 for line in lock.slices}) == 16
    with pytest.raises(ManifestError, match="no free slice"):
        allocate(manifest([host(f"h{place}") for place in range(17)], [], ranges), Lock())


def test_a_thousand_hosts_and_a_full_host_are_quick_and_unique() -> None:
    crowd = manifest(
        [host(f"h{place}") for place in range(1000)],
        [endpoint(f"e{place}", "h7") for place in range(4095)],
        Ranges(IPv4Network("10.0.0.0/8"), IPv6Network("fd42::/48"), 19),
    )
    lock = allocate(crowd, Lock())
    assert len({line.id for line in lock.seats}) == 4095
    assert len({line.ipv4 for line in lock.slices}) == 1000


def test_a_family_that_comes_later_leaves_the_other_where_it_is() -> None:
    one = manifest([host("h0")], [endpoint("a1", "h0")], Ranges(IPv4Network("10.42.0.0/16"), None))
    two = manifest([host("h0")], [endpoint("a1", "h0")])
    first, second = allocate(one, Lock()), allocate(two, allocate(one, Lock()))
    assert (second.seats[0].ipv4, second.seats[0].id) == (first.seats[0].ipv4, first.seats[0].id)
    assert second.seats[0].ipv6 is not None


def refused(wanted: Manifest, lock: Lock) -> list[str]:
    """What is said of a lock that does not fit."""
    with pytest.raises(ManifestError) as raised:
        number(wanted, lock)
    return [problem.summary for problem in raised.value.problems]


def test_a_missing_and_a_stale_lock_are_refused_by_name() -> None:
    one, two = simple({"a1": ("h0", "web")}, ["h0"]), simple({"a1": ("h0", "web"), "a2": ("h1", "db")}, ["h0", "h1"])
    assert refused(one, Lock()) == ["there is no netctl.lock"]
    assert refused(two, allocate(one, Lock())) == [
        "host h1 is not in netctl.lock",
        "endpoint default/a2 is not in netctl.lock",
        "netctl.lock has no number for the identity {k8s:app=db, "
        "k8s:io.cilium.k8s.namespace.labels.kubernetes.io/metadata.name=default, "
        "k8s:io.cilium.k8s.policy.cluster=shop, k8s:io.kubernetes.pod.namespace=default} of endpoint default/a2",
    ]
    said = refused(one, allocate(two, Lock()))
    assert said[:2] == [
        "netctl.lock has host h1, which the manifest does not",
        "netctl.lock has endpoint default/a2, which the manifest does not",
    ]
    assert said[2].endswith("is no longer used")
    moved = replace(allocate(one, Lock()), slices=(SliceLine("h0", IPv4Network("10.99.0.0/24"), None),))
    assert refused(one, moved)[0] == "netctl.lock does not fit host h0 any more"


LABELS = ("k8s:app=web", "k8s:io.cilium.k8s.policy.cluster=shop")
DB = ("k8s:app=db",)
A, B = IPv4Network("10.42.1.0/24"), IPv4Network("10.42.2.0/24")


def seat(key: str, on: str, place: int, address: Optional[str], line: int) -> SeatLine:
    """A seat line with an IPv4 address."""
    return SeatLine(key, on, place, IPv4Address(address) if address else None, None, line)


@pytest.mark.parametrize(
    ("lock", "said"),
    [
        (
            Lock(slices=(SliceLine("h0", A, None, 3), SliceLine("h1", A, None, 4))),
            "netctl.lock gives slice 10.42.1.0/24 twice: to host h0 (line 3) and to host h1 (line 4)",
        ),
        (
            Lock(slices=(SliceLine("h0", A, None, 3), SliceLine("h0", B, None, 4))),
            "netctl.lock has host h0 twice: with 10.42.1.0/24 (line 3) and with 10.42.2.0/24 (line 4)",
        ),
        (
            Lock(seats=(seat("a/x", "h0", 1, "10.42.1.5", 5), seat("a/y", "h0", 2, "10.42.1.5", 6))),
            "netctl.lock gives address 10.42.1.5 twice: to endpoint a/x (line 5) and to endpoint a/y (line 6)",
        ),
        (
            Lock(seats=(seat("a/x", "h0", 7, None, 5), seat("a/y", "h0", 7, None, 6))),
            "netctl.lock gives id 7 on host h0 twice: to endpoint a/x (line 5) and to endpoint a/y (line 6)",
        ),
        (
            Lock(seats=(seat("a/x", "h0", 7, None, 5), seat("a/x", "h1", 8, None, 6))),
            "netctl.lock has endpoint a/x twice: with id 7 on host h0 (line 5) and with id 8 on host h1 (line 6)",
        ),
        (
            Lock(identities=(IdentityLine(70000, LABELS, line=8), IdentityLine(70000, ("k8s:app=db",), line=9))),
            "netctl.lock gives identity number 70000 twice: to {k8s:app=web, k8s:io.cilium.k8s.policy.cluster=shop} "
            "(line 8) and to {k8s:app=db} (line 9)",
        ),
        (
            Lock(identities=(IdentityLine(70000, DB, line=8), IdentityLine(70001, DB, line=9))),
            "netctl.lock has {k8s:app=db} twice: with number 70000 (line 8) and with number 70001 (line 9)",
        ),
        (
            Lock(identities=(IdentityLine(70000, LABELS, True, 8), IdentityLine(70000, ("k8s:app=db",), line=9))),
            "netctl.lock gives identity number 70000 twice: to retired {k8s:app=web, "
            "k8s:io.cilium.k8s.policy.cluster=shop} (line 8) and to {k8s:app=db} (line 9)",
        ),
    ],
)
def test_what_is_said_twice_is_refused_naming_both_sides(lock: Lock, said: str) -> None:
    assert refused(simple({}, []), lock) == [said]


def test_a_merge_that_gave_one_number_twice_is_mended_the_same_way_everywhere() -> None:
    wanted = simple({"a1": ("h0", "web"), "a2": ("h0", "db")}, ["h0"])
    good = allocate(wanted, Lock())
    web, database = sorted(numbers(good), reverse=True)
    clash = replace(good, identities=tuple(IdentityLine(70000, labels) for labels in (web, database)))
    swapped = replace(clash, identities=tuple(reversed(clash.identities)))
    assert allocate(wanted, clash) == allocate(wanted, swapped)
    assert numbers(allocate(wanted, clash))[database] == 70000
    assert numbers(allocate(wanted, clash))[web] != 70000


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("<<<<<<< HEAD", "netctl.lock has a conflict that Git left"),
        ("host", "netctl.lock has a line that netctl does not write"),
        ("host h0 ipv4=10.42.1.1/24", "netctl.lock has a line that netctl does not write"),
        ("host h0 color=red", "netctl.lock has a line that netctl does not write"),
        ("endpoint a/x host=h0", "netctl.lock has a line that netctl does not write"),
        ("endpoint a/x host=h0 id=x", "netctl.lock has a line that netctl does not write"),
        ("identity many k8s:a=b", "netctl.lock has a line that netctl does not write"),
        ("version 2", "netctl.lock has a line that netctl does not write"),
        ("hello", "netctl.lock has a line that netctl does not write"),
    ],
)
def test_a_line_that_cannot_be_read_is_told_with_its_number(line: str, said: str) -> None:
    _, problems = parse(f"# a comment\nversion 1\n\n{line}\n")
    assert [(problem.summary, problem.source, problem.snippet) for problem in problems] == [
        (said, Source("netctl.lock", 4), line)
    ]


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet="hostendpi=4610./:k8s \n<>=|#", max_size=80), st.booleans())
def test_no_text_makes_the_reader_of_locks_fail(written: str, mend: bool) -> None:
    parse(written, mend)
