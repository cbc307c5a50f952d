"""BOTH SIDES: a plan: what changes on every host, and what stands in the way. Pure.

`for_host` makes one host's part from the cluster and what was observed. A saved plan is JSON (`dump`, `load`); it
carries every change with its complete before, so whether it still fits a host is a comparison, object by object.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Optional, cast

from state import naming, wire
from state.bulk import agrees
from state.carried import going, with_carried
from state.change import Action, Change, Found, Wanted, diff, fingerprint
from state.cluster import Cluster
from state.desired import Desired, desired
from state.facts import Facts, Scope
from state.placement import pending
from state.problem import ManifestError, Problem, errors
from state.traffic import Traffic

if TYPE_CHECKING:
    from state.kinds.kind import Kind  # with which all kinds would come

FORMAT_VERSION = "1.1"

Kinds = Sequence["Kind[Any]"]
Observed = Mapping[str, Mapping[str, Found[Any]]]


@dataclass(frozen=True)
class Observation:
    """What a host said of itself: its facts, and what was found there by kind and address."""

    facts: Facts
    found: Observed


@dataclass(frozen=True)
class HostPlan:
    """One host's part of a plan.

    `changes` stand in the order of kinds; `unchanged` counts what is right already; `pending` are endpoints whose
    namespace is not there yet. A host with errors among its `problems` is shown and left alone. `exit_code` is not 0
    where the host could not even be asked.
    """

    host: str
    changes: tuple[Change, ...] = ()
    unchanged: int = 0
    pending: tuple[str, ...] = ()
    problems: tuple[Problem, ...] = ()
    exit_code: int = 0

    @property
    def applicable(self) -> bool:
        """Whether nothing stands in the way of the changes."""
        return not self.exit_code and not errors(self.problems)

    @property
    def in_sync(self) -> bool:
        """Whether the host is what the manifest says: nothing to change, and nothing in the way of a change."""
        return self.applicable and not self.changes

    @property
    def fingerprint(self) -> str:
        """A digest of everything the changes touch, as it was observed: the same state has the same fingerprint."""
        touched: dict[str, dict[str, object]] = {}
        for change in self.changes:
            touched.setdefault(change.kind, {})[change.address] = change.before
        return fingerprint(touched)

    @property
    def digest(self) -> str:
        """A digest of what is planned and what stands in the way: a plan that was edited has another one."""
        return hashlib.sha256(wire.text((self.changes, self.problems)).encode()).hexdigest()


@dataclass(frozen=True)
class Plan:
    """What changes on every host, in name order; and what that does to traffic: None where it can do nothing."""

    cluster: str
    hosts: tuple[HostPlan, ...]
    warnings: tuple[Problem, ...] = ()
    traffic: Optional[Traffic] = None

    @property
    def changes(self) -> list[Change]:
        """The changes of all hosts."""
        return [change for host in self.hosts for change in host.changes]

    def only(self, hosts: Collection[str]) -> Plan:
        """The part of the plan for these hosts. What a part of the changes does to traffic is not known from all."""
        chosen = tuple(host for host in self.hosts if host.host in hosts)
        return self if chosen == self.hosts else replace(self, hosts=chosen, traffic=None)


def scope(cluster: Cluster, name: str) -> Scope:
    """What the agent on a host needs to know of the manifest to look around."""
    host = cluster.hosts[name]
    ranges = (cluster.ranges.ipv4, cluster.ranges.ipv6)
    return Scope(
        netns=tuple(sorted({endpoint.netns for endpoint in cluster.endpoints_on(name)})),
        ranges=tuple(str(network) for network in ranges if network is not None),
        underlay_ipv4=host.underlay.ipv4,
        underlay_ipv6=host.underlay.ipv6,
        uplink=host.underlay.device,
        tunnel_port=cluster.network.port if cluster.network.mode == "overlay" else 0,
        slice_ipv4=host.slice_ipv4,
        slice_ipv6=host.slice_ipv6,
        devices={endpoint.netns: naming.device(endpoint) for endpoint in cluster.endpoints_on(name)},
    )


def observation(kinds: Kinds, body: Mapping[str, Any]) -> Observation:
    """What an agent's reply says."""
    found = {
        kind.name: {
            address: Found(wire.load(kind.value, item["value"]), item["owned"])
            for address, item in body["observed"].get(kind.name, {}).items()
        }
        for kind in kinds
    }
    return Observation(wire.load(Facts, body["facts"]), found)


def for_host(kinds: Kinds, cluster: Cluster, host: str, seen: Observation) -> HostPlan:
    """What turns the host into what the manifest says."""
    made = _compare(kinds, host, desired(kinds, cluster, host, seen.facts), seen)
    absent = tuple(Problem(sentence, "", f"host {host}") for sentence in seen.facts.missing)
    warnings = tuple(Problem(sentence, "", f"host {host}", severity="warning") for sentence in seen.facts.warnings)
    warnings += tuple(notice for kind in kinds for notice in kind.notices(cluster, host, seen.facts))
    return replace(made, pending=tuple(pending(cluster, host, seen.facts)), problems=absent + warnings + made.problems)


def with_traffic(plan: Plan, cluster: Cluster) -> Plan:
    """The plan with what it does to traffic, where it does all that the manifest wants of the hosts that were asked."""
    changes = {host.host: host.changes for host in plan.hosts if not host.exit_code}
    if not any(changes.values()):
        return plan
    from state.policy.connectivity import changed_traffic  # not at the top: the agent never needs the engine

    return replace(plan, traffic=changed_traffic(cluster, changes))


def for_removal(kinds: Kinds, host: str, seen: Observation) -> HostPlan:
    """What removes everything that is netctl's from the host. What is lasting is restored, not removed."""
    return _compare(kinds, host, {}, seen)


def _compare(kinds: Kinds, host: str, desired: Desired, seen: Observation) -> HostPlan:
    changes: list[Change] = []
    problems: list[Problem] = []
    gone: frozenset[tuple[str, str]] = frozenset()
    unchanged = 0
    for kind in kinds:
        wanted: Mapping[str, Wanted[Any]] = desired.get(kind.name, {})
        found: Mapping[str, Found[Any]] = seen.found.get(kind.name, {})
        if not gone and agrees(found, wanted):
            unchanged += len(wanted)
            continue
        if kind.lasting:
            found = {address: item for address, item in found.items() if address in wanted}
        difference = with_carried(kind, diff(kind.name, wanted, found, kind.fixed), wanted, found, gone)
        gone |= going(kind, difference)
        changes += difference.changes
        start = len(f"{kind.name} ")
        problems += [kind.obstacle(item, found[item.address[start:]].value) for item in difference.obstacles]
        touched = {change.address for change in difference.changes}
        unchanged += sum(address not in touched and found[address].owned for address in wanted.keys() & found.keys())
    return HostPlan(host, tuple(changes), unchanged, problems=tuple(problems))


def dump(plan: Plan) -> dict[str, Any]:
    """The plan as JSON."""
    hosts = [{**wire.dump(host), "fingerprint": host.fingerprint, "digest": host.digest} for host in plan.hosts]
    return {
        "format_version": FORMAT_VERSION,
        "cluster": plan.cluster,
        "hosts": hosts,
        "warnings": wire.dump(plan.warnings),
        "traffic": wire.dump(plan.traffic),
    }


def load(kinds: Kinds, data: Any) -> Plan:
    """The plan that `dump` wrote. Raises ManifestError, which says where, for anything else."""
    try:
        given = _record(data, "the plan", ("format_version", "cluster", "hosts", "warnings"))
        version = wire.load(str, given["format_version"])
        if version.split(".")[0] != FORMAT_VERSION.split(".")[0]:
            raise ValueError(f"it has format {version}, this netctl reads {FORMAT_VERSION}")
        hosts = tuple(_load_host(kinds, item, place) for place, item in enumerate(wire.load(list[Any], given["hosts"])))
        names = [host.host for host in hosts]
        if len(set(names)) != len(names):
            raise ValueError("it has a host twice")
        warnings = wire.load(tuple[Problem, ...], given["warnings"])
        traffic = given.get("traffic")  # which format 1.0 did not have
        traffic = None if traffic is None else wire.load(Traffic, traffic)
        return Plan(wire.load(str, given["cluster"]), hosts, warnings, traffic)
    except ValueError as error:
        raise ManifestError.of("this is not a plan that netctl saved", f"{_sentence(str(error))} {AGAIN}") from error


AGAIN = "Save one with: netctl plan --out FILE"


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}."


def _record(data: Any, what: str, fields: Sequence[str]) -> Mapping[str, Any]:
    if not isinstance(data, dict):
        raise ValueError(f"{what} is no JSON object")
    given = cast("dict[str, Any]", data)
    if lacking := [name for name in fields if name not in given]:
        raise ValueError(f"{what} lacks {', '.join(lacking)}")
    return given


def _load_host(kinds: Kinds, data: Any, place: int) -> HostPlan:
    given = _record(data, f"hosts[{place}]", ("host", "changes", "fingerprint", "digest"))
    plain = {name: item for name, item in given.items() if name not in ("changes", "fingerprint", "digest")}
    try:
        host = wire.load(HostPlan, plain)
        items = wire.load(list[Any], given["changes"])
    except ValueError as error:
        raise ValueError(f"in hosts[{place}]: {error}") from error
    host = replace(host, changes=tuple(_load_saved(kinds, item, place, number) for number, item in enumerate(items)))
    if (host.fingerprint, host.digest) != (given["fingerprint"], given["digest"]):
        raise ManifestError.of(f"the plan for host {host.host} was edited after it was saved", AGAIN)
    return host


def _load_saved(kinds: Kinds, data: Any, place: int, number: int) -> Change:
    try:
        change = load_change(kinds, wire.load(Change, data))
        if (change.before is None, change.after is None) != _ABSENT.get(change.action, (False, False)):
            raise ValueError(f"before and after are not those of a {change.action.name}")
    except ValueError as error:
        raise ValueError(f"in hosts[{place}].changes[{number}]: {error}") from error
    return change


_ABSENT = {Action.CREATE: (True, False), Action.DELETE: (False, True)}
"""Whether there is no before, and no after."""


def load_change(kinds: Kinds, change: Change) -> Change:
    """The change with its JSON `before` and `after` turned into values of its kind. Raises ValueError."""
    value = next((kind.value for kind in kinds if kind.name == change.kind), None)
    if value is None:
        raise wire.WireError(f"there is no kind {change.kind}")
    before, after = (None if item is None else wire.load(value, item) for item in (change.before, change.after))
    return replace(change, before=before, after=after)
