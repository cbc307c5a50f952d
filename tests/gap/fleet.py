"""Two hosts in the lab that go from manifest to manifest, as `netctl apply` does, while packets are counted."""

from __future__ import annotations

import subprocess
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType

from cli import workflow
from cli.interrupt import Interrupt
from inventory.archive import Archive
from inventory.fleet import Fleet
from inventory.lab import entry, power
from inventory.lab.record import Lab
from schemas import lockfile
from schemas.loader import load
from state import lock as locks
from state.cluster import Cluster
from state.phases import Phase, phases
from state.plan import HostPlan, Plan
from tests.gap import flows
from tests.gap.story import WORLD, Story

Phases = Callable[[Sequence[HostPlan], Cluster], tuple[Phase, ...]]


def staggered(first: str) -> Phases:
    """netctl's phases, in each of which one host is done before the other begins: as slow as can be."""

    def ordered(hosts: Sequence[HostPlan], cluster: Cluster) -> tuple[Phase, ...]:
        return tuple(
            Phase(phase.name, {host: phase.changes[host]})
            for phase in phases(hosts, cluster)
            for host in sorted(phase.changes, key=lambda host: (host != first, host))
        )

    return ordered


DEAF = "add table inet deaf; add chain inet deaf input { type filter hook prerouting priority -300; }"


@dataclass
class Street:
    """The lab of one walk, and the sessions with its hosts. Use it as a context manager.

    `content` is what the agent is made of; `phased` how a plan is carried out: other than netctl's own for mutants.
    """

    folder: Path
    content: Archive | None = None
    phased: Phases = phases
    mode: str = "overlay"
    lab: Lab = field(init=False)
    _open: ExitStack = field(init=False, default_factory=ExitStack)
    _fleet: Fleet | None = field(init=False, default=None)

    def __enter__(self) -> Street:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._open.close()

    def load(self, story: Story) -> Cluster:
        """Write the manifest, lock it, and read it, as a person does."""
        self.folder.mkdir(exist_ok=True)
        for name, text in story.files(self.mode).items():
            (self.folder / name).write_text(text)
        manifest, _ = load(self.folder, require_host_keys=False)
        lock = locks.allocate(manifest, lockfile.read(self.folder))
        lockfile.write(self.folder, lock)
        return locks.number(manifest, lock)

    def boot(self, cluster: Cluster) -> None:
        """Boot the lab and bring it to its first state. Afterwards no stack answers what the packets ask."""
        self.lab, _ = power.up(self.folder, cluster)
        self._open.callback(power.down, self.folder)
        for host in self.lab.wiring.hosts:
            self._introduce(host)
        self.speak(self.content)
        self.apply(cluster)
        for name, door in flows.doors(cluster, self.lab).items():
            self._deafen(door.netns, name == "world")

    def _introduce(self, host: str) -> None:
        """Tell a host who its neighbours are: while it asked, packets would wait and then not be in order any more."""
        wiring = self.lab.wiring
        own = wiring.hosts[host]
        known = dict.fromkeys((*own.gateways, *WORLD), wiring.world.mac)
        for name, machine in wiring.hosts.items():
            if name != host:
                known |= {address.partition("/")[0]: machine.mac for address in machine.addresses}
        for address, mac in known.items():
            words = ["neighbour", "replace", address, "lladdr", mac, "nud", "permanent", "dev", own.device]
            subprocess.run(["nsenter", f"--net=/proc/{self.lab.init(host)}/ns/net", "ip", *words], check=True)

    def _deafen(self, netns: str, is_world: bool) -> None:
        """Only for what the packets are: neighbours still talk, and the world's SSH still reaches the hosts."""
        places = [""]
        if is_world:
            families = (("ip", [item for item in WORLD if ":" not in item]), ("ip6", [i for i in WORLD if ":" in i]))
            places = [f"{family} daddr {{ {', '.join(addresses)} }} " for family, addresses in families]
        rules = "".join(f"; add rule inet deaf input {where}meta l4proto {{ tcp, udp }} drop" for where in places)
        subprocess.run(["nsenter", f"--net={netns}", "nft", DEAF + rules], check=True)

    def speak(self, content: Archive | None) -> None:
        """From now on, speak with agents made of `content`."""
        if self._fleet is not None:
            self._fleet.close()
        self._fleet = Fleet(entry.reach(self.folder).values(), content=content)
        self._open.callback(self._fleet.close)

    def plan(self, cluster: Cluster) -> tuple[workflow.Rows, Plan]:
        """What would change."""
        assert self._fleet is not None
        rows = workflow.observe(self._fleet, cluster)
        return rows, workflow.plan(cluster, rows, workflow.towards(cluster))

    def carry_out(self, cluster: Cluster, rows: workflow.Rows, plan: Plan) -> list[str]:
        """Make the changes, phase by phase, and say which phases there were; nothing may be left."""
        assert self._fleet is not None
        steps = self.phased([host for host in plan.hosts if host.applicable], cluster)
        facts = workflow.facts(rows)
        job = workflow.Job(cluster, plan, steps, workflow.towards(cluster), "the walk", facts=facts)
        result = workflow.apply(self._fleet, job, Interrupt())
        assert not result.exit_code, [problem for host in result.hosts for problem in host.problems]
        return [step.name for step in steps]

    def apply(self, cluster: Cluster) -> None:
        """Bring the hosts to what the manifest says."""
        self.carry_out(cluster, *self.plan(cluster))

    def refused(self) -> Counter[str]:
        """What the datapath of all hosts has dropped so far, by reason."""
        assert self._fleet is not None
        found: Counter[str] = Counter()
        for row in self._fleet.each(lambda session: session.call("status")).values():
            assert row.value is not None, row.error
            for item in row.value["counters"]:
                if not item["reason"].startswith("passed"):
                    found[item["reason"]] += item["packets"]
        return found
