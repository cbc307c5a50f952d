"""What peers check: the very devices, addresses, routes and sysctls that netctl finds right on the hosts of a lab."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from cli import workflow
from inventory.fleet import Fleet
from inventory.lab import entry, record
from schemas.loader import load_cluster
from state.kernel import Address, Route
from state.kinds.device import Device
from state.kinds.sysctl import Sysctl
from state.plan import Observation

KINDS = ("links", "addresses", "routes", "sysctls")
SOME = {"links": 4, "addresses": 4, "routes": 10, "sysctls": 2}
"""Of how many things a peer that takes them one by one checks: with all of them it would run for many minutes."""


@dataclass(frozen=True)
class Job:
    """What must be on one host: each thing as one line of words, its network namespace first (`-`: the host's own)."""

    links: tuple[str, ...]
    addresses: tuple[str, ...]
    routes: tuple[str, ...]
    sysctls: tuple[str, ...]

    @property
    def size(self) -> int:
        """How many things it is."""
        return sum(len(getattr(self, kind)) for kind in KINDS)


def jobs(folder: Path) -> dict[str, Job]:
    """The job of each host of a running lab."""
    cluster = load_cluster(folder, require_host_keys=False)[0]
    with Fleet(entry.reach(folder).values()) as fleet:
        rows = workflow.observe(fleet, cluster)
    found: dict[str, Job] = {}
    for host, row in rows.items():
        assert row.value is not None, row.error
        found[host] = _job(row.value)
    return found


def _job(seen: Observation) -> Job:
    links: list[str] = []
    addresses: list[str] = []
    routes: list[str] = []
    sysctls: list[str] = []
    for kind, values in seen.found.items():
        for name, item in values.items():
            value = item.value
            if not item.owned:
                continue
            if kind == "device" and isinstance(value, Device):
                links.append(f"- {name} {value.mtu}")
                if value.netns:
                    links.append(f"{value.netns} eth0 {value.mtu}")
            elif isinstance(value, Address):
                addresses.append(f"{value.netns or '-'} {value.device} {value.address}/{value.length}")
            elif isinstance(value, Route):
                routes.append(
                    f"{value.netns or '-'} {_spoken(value.destination)} {value.device} {value.gateway or '-'}"
                )
            elif isinstance(value, Sysctl):
                sysctls.append(f"- {name} {value.value}")
    return Job(*(tuple(sorted(lines)) for lines in (links, addresses, routes, sysctls)))


def _spoken(destination: str) -> str:
    """As `ip` says it: a whole address without its length, everywhere as `default`."""
    if destination in ("0.0.0.0/0", "::/0"):
        return "default"
    return destination.removesuffix("/128" if ":" in destination else "/32")


def script(job: Job, kinds: tuple[str, ...] = KINDS) -> str:
    """The shell script that reads these kinds on a host: one process for each namespace, one line for each answer."""
    places = sorted({line.split()[0] for kind in KINDS for line in getattr(job, kind)})
    asked = {
        "links": ("link show",),
        "addresses": ("addr show",),
        "routes": ("route show table all",),
    }
    lines = [line for kind in kinds for line in asked.get(kind, ())]
    parts: list[str] = []
    for place in places if lines else ():
        inside = "" if place == "-" else f"-n {place} "
        parts.append(f"echo = {place}; ip {inside}-j -batch - <<'E'\n" + "\n".join(lines) + "\nE\n")
    if "sysctls" in kinds:
        names = " ".join(shlex.quote(line.split()[1]) for line in job.sysctls)
        parts.append(f"echo = sysctl; sysctl {names}\n")
    return "".join(parts)


def write(folder: Path, found: Mapping[str, Job], target: Path) -> None:
    """Write down everything a peer needs to know, as one JSON file."""
    lab = record.find(folder)
    hosts = {
        name: {
            "address": lab.wiring.hosts[name].ssh_address,
            "port": lab.wiring.hosts[name].ssh_port,
            "key": lab.host_keys[name],
            "job": asdict(job),
            "some": {kind: getattr(job, kind)[:most] for kind, most in SOME.items()},
            "scripts": {kind: script(job, (kind,)) for kind in KINDS},
            "script": script(job),
        }
        for name, job in found.items()
    }
    common = {"identity": str(lab.identity), "ssh_config": str(lab.ssh_config)}
    target.write_text(json.dumps({"hosts": hosts, **common}))
