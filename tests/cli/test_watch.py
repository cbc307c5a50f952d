"""Events of several hosts as one stream, each in the words of the manifest. The hosts exist in memory only."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import cycle
from pathlib import Path
from typing import Any

import pytest

from cli.explain import Explainer
from cli.monitor import Type
from cli.monitor import events as meant
from cli.render import sightings
from cli.render.words import Words
from cli.watch import Sighting, Watch
from inventory.requests import clock_ahead
from schemas.loader import load_cluster
from state import wire
from state.cluster import Cluster
from state.kernel_bpf import Event
from state.policy.compiler import compile_policies, rule_sources
from state.policy.tables import block_numbers
from state.problem import HostError, Problem, Unreachable
from tests.policy.clusters import documents

EXAMPLE = Path(__file__).parent.parent.parent / "examples" / "three-hosts"


@pytest.fixture(scope="module")
def shop() -> Cluster:
    """The cluster of the first example."""
    return load_cluster(EXAMPLE)[0]


def event(cluster: Cluster, source: str, target: str, **more: Any) -> Event:
    """A drop between two endpoints at the target's host, or what `more` makes of it."""
    left, right = cluster.endpoints[source], cluster.endpoints[target]
    made = Event(
        time=0,
        type="drop",
        direction="ingress",
        reason="denied by default",
        source_identity=left.identity,
        destination_identity=right.identity,
        source=str(left.ipv4),
        destination=str(right.ipv4),
        protocol=6,
        source_port=40000,
        destination_port=5432,
        endpoint=right.id,
        policy=1,
        epoch=1,
        rule=0,
        length=60,
        point="from overlay",
    )
    return replace(made, **more)


class Session:
    """A host that tells what it was given, then waits to be closed, or fails."""

    def __init__(
        self, batches: list[Mapping[str, Any]], ahead: float = 0.0, fails: bool = False, begins: bool = False
    ) -> None:
        self._ahead = ahead
        self.error = HostError(Problem("no BPF here"))
        self._begins = begins
        self._batches = batches
        self._fails = fails
        self.closed = threading.Event()

    def call(self, verb: str) -> Mapping[str, Any]:
        """What the agent's verb `clock` answers."""
        assert verb == "clock"
        return {"clock": time.time() + self._ahead}

    def stream(self, verb: str, body: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
        """What the agent's verb `events` answers."""
        assert (verb, body) == ("events", {"types": ["drop"]})
        if self._begins:
            yield {"listening": True}
            self.closed.wait(30)
        if self._fails:
            raise self.error
        yield {"listening": True}
        yield from self._batches
        self.closed.wait(30)


class Hosts:
    """Several of them, as the fleet gives them."""

    def __init__(self, sessions: Mapping[str, Session]) -> None:
        self._sessions = sessions

    def session(self, host: str) -> Session:
        """The session with one host."""
        return self._sessions[host]

    def close(self) -> None:
        """End every session."""
        for session in self._sessions.values():
            session.closed.set()


def test_events_come_in_the_order_of_time_whatever_the_clocks_say(shop: Cluster) -> None:
    now = time.time() - 60
    one, other = (
        event(shop, "shop/cache-1", "shop/db-1", time=number * 10**9, source_port=number) for number in (1, 2)
    )
    ahead = Session([{"events": [wire.dump(one)], "clock": now + 3600}], ahead=3600)
    right = Session([{"events": [wire.dump(other)], "clock": now}])
    watch = Watch(Hosts({"alpha": ahead, "beta": right}), ["alpha", "beta"], ["drop"])
    watch.start()
    seen = list(watch.sightings(2, 20))
    assert [(sighting.host, sighting.event.source_port) for sighting in seen] == [("alpha", 1), ("beta", 2)]
    assert watch.problems == []


def test_one_host_failing_hides_no_other(shop: Cluster) -> None:
    told = event(shop, "shop/cache-1", "shop/db-1")
    good = Session([{"events": [wire.dump(told)], "clock": time.time() - 60}])
    watch = Watch(Hosts({"alpha": Session([], fails=True), "beta": good}), ["alpha", "beta"], ["drop"])
    watch.start()
    assert watch.listening == ["beta"]
    assert [sighting.event for sighting in watch.sightings(1, 20)] == [told]
    assert [(problem.address, problem.summary) for problem in watch.problems] == [("host alpha", "no BPF here")]


def test_where_no_host_listens_there_is_nothing_to_watch() -> None:
    watch = Watch(Hosts({"alpha": Session([], fails=True)}), ["alpha"], ["drop"])
    with pytest.raises(HostError, match="no BPF here"):
        watch.start()


def test_where_no_host_can_be_reached_the_exit_code_says_so() -> None:
    away = Session([], fails=True)
    away.error = Unreachable(Problem("no route"))
    with pytest.raises(Unreachable, match="no route"):
        Watch(Hosts({"alpha": away}), ["alpha"], ["drop"]).start()


def test_a_host_that_is_lost_on_the_way_is_told_at_once(shop: Cluster) -> None:
    lost: list[Problem] = []
    broken, good = Session([], fails=True, begins=True), Session([])
    watch = Watch(Hosts({"alpha": broken, "beta": good}), ["alpha", "beta"], ["drop"], lost.extend)
    watch.start()
    assert watch.listening == ["alpha", "beta"]
    broken.closed.set()
    assert list(watch.sightings(None, 0.5)) == []
    assert [problem.address for problem in lost] == ["host alpha"]
    assert watch.exit_code == 3


def test_a_default_deny_names_what_isolates_the_endpoint(shop: Cluster) -> None:
    why = Explainer(shop).why(event(shop, "shop/cache-1", "shop/db-1"), "beta")
    assert why.sentence.startswith("no rule matched; shop/db-1 is isolated for ingress by policies/data.yaml:7")
    assert "policies/default-deny.yaml" in {place.file for place in why.rules}


def test_a_denial_names_its_rule(shop: Cluster) -> None:
    rules = {(place.file, place.line): number for number, place in rule_sources(shop).items()}
    found = event(shop, "ops/probe", "shop/db-1", rule=rules["policies/ops.yaml", 19], reason="denied by rule")
    assert Explainer(shop).why(found, "beta").sentence == "denied by policies/ops.yaml:19"


LOGGED = """
kind: CiliumNetworkPolicy
metadata: {name: probes, namespace: shop}
spec:
  endpointSelector: {matchLabels: {app: db}}
  log: {value: ticket 4711}
  ingressDeny: [{fromEndpoints: [{matchLabels: {app: cache}}]}]
"""


def test_what_a_policy_wants_said_goes_with_the_events_of_its_rules(shop: Cluster) -> None:
    logged = replace(shop, documents=tuple(documents(LOGGED)))
    (number,) = rule_sources(logged)
    sighting = Sighting("beta", 0.0, event(shop, "shop/cache-1", "shop/db-1", rule=number, reason="denied by rule"))
    shown = [sightings.text(sighting, Explainer(logged), Words((), logged), output) for output in ("text", "json")]
    assert shown[0].endswith(": denied by policy.yaml:7 (log: ticket 4711)")
    assert json.loads(shown[1])["log"] == "ticket 4711"


def test_what_is_no_policys_doing_is_told_by_the_datapaths_word(shop: Cluster) -> None:
    found = event(shop, "shop/cache-1", "shop/db-1", reason="forged address")
    assert Explainer(shop).why(found, "beta").sentence == "forged address"


def test_a_rule_that_the_manifest_has_lost_is_told_as_such(shop: Cluster) -> None:
    found = event(shop, "shop/cache-1", "shop/db-1", rule=99, reason="denied by rule")
    assert Explainer(shop).why(found, "beta").sentence == "denied by a rule that this manifest does not have (rule 99)"


def test_a_drop_is_shown_with_the_names_and_labels_of_both_ends(shop: Cluster) -> None:
    sighting = Sighting("beta", 0.0, event(shop, "shop/cache-1", "shop/db-1"))
    first, second = sightings.text(sighting, Explainer(shop), Words((), shop), "text").splitlines()
    db, cache = shop.endpoints["shop/db-1"], shop.endpoints["shop/cache-1"]
    assert first.endswith(f" beta DROP ingress: shop/cache-1 ({cache.ipv4}:40000) -> shop/db-1 ({db.ipv4}:5432) TCP")
    assert second.startswith("    app=cache namespace=shop -> app=db namespace=shop: no rule matched; ")


def test_json_has_the_same_and_the_lines_as_a_list(shop: Cluster) -> None:
    sighting = Sighting("beta", 12.5, event(shop, "shop/cache-1", "shop/db-1"))
    found = json.loads(sightings.text(sighting, Explainer(shop), Words((), shop), "json"))
    assert found["source"]["name"] == "shop/cache-1"
    assert found["destination"]["labels"] == "app=db namespace=shop"
    assert found["drop_reason"] == "denied by default"
    assert "policies/data.yaml:7" in found["rules"]
    assert found["time"] == 12.5
    assert (found["icmp_type"], found["destination"]["port"]) == (None, 5432)


def test_an_audit_names_who_is_audited_and_what_denies(shop: Cluster) -> None:
    sighting = Sighting("beta", 0.0, event(shop, "shop/cache-1", "shop/db-1", type="audit"))
    first, second = sightings.text(sighting, Explainer(shop), Words((), shop), "text").splitlines()
    assert " beta AUDIT ingress: shop/cache-1 (" in first
    assert ": let through, as shop/db-1 is audited: no rule matched; shop/db-1 is isolated for ingress by " in second
    found = json.loads(sightings.text(sighting, Explainer(shop), Words((), shop), "json"))
    assert (found["type"], found["drop_reason"]) == ("audit", "denied by default")
    assert "policies/data.yaml:7" in found["rules"]


@pytest.mark.parametrize(
    ("asked", "events"),
    [
        ((Type.DROP, Type.VERDICT), ["drop", "verdict", "audit"]),
        ((Type.VERDICT, Type.AUDIT), ["verdict", "audit"]),
        ((Type.AUDIT,), ["audit"]),
        ((Type.DROP, Type.TRACE), ["drop", "trace"]),
    ],
)
def test_an_audit_is_a_verdict_and_can_be_watched_alone(asked: tuple[Type, ...], events: list[str]) -> None:
    assert meant(asked) == events


OUTSIDE = {
    "a block that the host's policies name": ("alpha", "198.51.100.0/24", "world 198.51.100.0/24"),
    "a block of IPv6": ("alpha", "2001:db8:fa::/48", "world 2001:db8:fa::/48"),
    "a block that only others name": ("gamma", "198.51.100.0/24", "world, a block that the manifest does not name"),
    "an address of endpoints that none has": ("gamma", "10.42.0.0/16", "nobody in 10.42.0.0/16"),
    "nobody at all": ("alpha", "", "unknown"),
}


@pytest.mark.parametrize("who", OUTSIDE)
@pytest.mark.parametrize("output", ["text", "json"])
def test_who_is_no_endpoint_is_told_in_words(shop: Cluster, who: str, output: str) -> None:
    host, block, words = OUTSIDE[who]
    number = block_numbers(compile_policies(shop, "alpha").blocks)[block] if block else 0
    sighting = Sighting(host, 0.0, event(shop, "shop/cache-1", "shop/db-1", destination_identity=number))
    shown = sightings.text(sighting, Explainer(shop), Words((), shop), output)
    assert (f" -> {words}: " in shown) if output == "text" else json.loads(shown)["destination"]["labels"] == words


@pytest.mark.parametrize(
    ("protocol", "number", "words"),
    [(1, 8, "ICMP type 8 (EchoRequest)"), (58, 128, "ICMP type 128 (EchoRequest)"), (1, 200, "ICMP type 200")],
)
def test_icmp_has_a_type_and_no_port(shop: Cluster, protocol: int, number: int, words: str) -> None:
    told = event(shop, "shop/cache-1", "shop/db-1", protocol=protocol, source_port=7, destination_port=number)
    sighting = Sighting("beta", 0.0, told)
    assert sightings.text(sighting, Explainer(shop), Words((), shop), "text").splitlines()[0].endswith(f" {words}")
    found = json.loads(sightings.text(sighting, Explainer(shop), Words((), shop), "json"))
    assert (found["protocol"], found["icmp_type"]) == ("ICMP", number)
    assert (found["source"]["port"], found["destination"]["port"]) == (None, None)


@pytest.mark.parametrize(
    ("answers", "expected"),
    [
        ([10.5], 0.0),
        ([10.1], 0.0),
        ([10.9], 0.0),
        ([18.0], 7.5),
        ([3.0], -7.5),
        ([18.0, 118.0], 7.5),
    ],
)
def test_a_clock_is_set_right_only_where_it_is_wrong_for_certain(answers: list[float], expected: float) -> None:
    """Asked at 10 o'clock, answered at 11: what the host said in between was right, or certainly not."""
    ours = cycle([10.0, 11.0, 10.0, 111.0][: 2 * len(answers)])
    theirs = cycle(answers)
    assert clock_ahead(lambda verb: {"clock": next(theirs)}, lambda: next(ours)) == expected
