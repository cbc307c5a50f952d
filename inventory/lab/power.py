"""WORKSTATION: the lab's machines on and off. Everything here converges: what is as it should be is left alone."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Union

from inventory.lab import cgroup, keys, record
from inventory.lab.record import Lab
from inventory.lab.software import SSHD, files, hidden, network, require, sysctls
from inventory.lab.wiring import WORLD, Machine, wire
from state.cluster import Cluster
from state.manifest import Manifest
from state.problem import NetctlError, Problem, UsageError

SCRIPT = Path(__file__).with_name("machine.py")
NEEDS = "The lab needs Linux 6.1 or newer with namespaces, cgroup v2, overlayfs, veth and bridge."
PATIENCE = 20.0
"""Seconds in which a host's sshd must listen."""


def up(folder: str | os.PathLike[str], manifest: Union[Manifest, Cluster]) -> tuple[Lab, frozenset[str]]:
    """Boot what is not up yet of the lab of a manifest; the names of the hosts that were booted.

    A host whose addresses have changed in the manifest is booted again, one that has left it is removed.
    """
    require()
    wiring = wire(manifest)
    if WORLD in wiring.hosts:
        raise UsageError.of(f"a host named {WORLD} cannot be in a lab", f"`{WORLD}` is what lies outside the cluster.")
    name = record.name_of(manifest.name, Path(folder))
    with record.locked(name) as home:
        before = record.read(name)
        (home / "keys").mkdir(exist_ok=True)
        host_keys = {host: keys.keep(home / "keys" / host) for host in wiring.hosts}
        lab = Lab(name, str(Path(folder).resolve()), wiring, host_keys)
        keys.keep(lab.identity)
        keys.ssh_config(home, lab.identity, wiring.hosts.values(), host_keys)
        if not lab.anchor():
            cgroup.end(cgroup.of_lab(name))
        elif before:
            _retire(before, lab)
        lab.save()
        return lab, _boot(lab, [machine for machine in lab.machines if not lab.init(machine.name)])


def down(place: str | os.PathLike[str]) -> list[str]:
    """Remove the lab of a manifest's folder, or of that name, whatever is left of it; the names of what was removed."""
    removed = record.named(os.fspath(place))
    for name in removed:
        with record.locked(name):
            cgroup.end(cgroup.of_lab(name))
            record.forget(name)
    return removed


def off(folder: str | os.PathLike[str], host: str) -> None:
    """Pull the plug of a host: its processes are killed at once, what it had on disk remains."""
    lab = record.find(folder)
    _known(lab, host)
    with record.locked(lab.name):
        _pull(lab, host)


def on(folder: str | os.PathLike[str], host: str) -> None:
    """Boot a host that is off, with the keys, addresses and disk it had."""
    lab = record.find(folder)
    machine = _known(lab, host)
    with record.locked(lab.name):
        lab.world()
        if not lab.init(host):
            _boot(lab, [machine])


def reboot(folder: str | os.PathLike[str], host: str) -> None:
    """Pull the plug of a host and boot it again."""
    off(folder, host)
    on(folder, host)


def _known(lab: Lab, host: str) -> Machine:
    if host in lab.wiring.hosts:
        return lab.wiring.hosts[host]
    raise UsageError.of(f"the lab has no host {host}", f"It has: {', '.join(sorted(lab.wiring.hosts))}.")


def _pull(lab: Lab, machine: str) -> None:
    group, anchor = cgroup.of_machine(lab.name, machine), lab.anchor()
    process = cgroup.init(group)
    cgroup.end(group)
    if process and anchor:
        # The kernel would remove it, and the machine's end of it, but in its own time: until then it answers ARP.
        unplug = ["nsenter", f"--net=/proc/{anchor}/ns/net", "ip", "link", "delete", f"p{process}"]
        subprocess.run(unplug, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)


def _retire(before: Lab, after: Lab) -> None:
    """End the machines that have left the manifest, with their disks, and those that are wired anew."""
    wanted = {machine.name: machine for machine in after.machines}
    for machine in before.machines:
        if wanted.get(machine.name) != machine:
            _pull(before, machine.name)
            if machine.name not in wanted:
                shutil.rmtree(_disk(after, machine.name), ignore_errors=True)


def _disk(lab: Lab, machine: str) -> Path:
    """A machine's disk, as it is seen from here: the lab's disks are mounted for its own processes only."""
    return Path(f"/proc/{lab.anchor()}/root{lab.home}/{machine}")


def _boot(lab: Lab, machines: list[Machine]) -> frozenset[str]:
    if not machines:
        return frozenset()
    for machine in machines:
        _pull(lab, machine.name)  # a boot may have been cut short
    order = {
        "cgroup": str(cgroup.of_lab(lab.name)),
        "disks": str(lab.home),
        "anchor": lab.anchor(),
        "machines": [_order(lab, machine) for machine in machines],
    }
    done = subprocess.run(
        [sys.executable, "-I", "-S", str(SCRIPT)], input=json.dumps(order), capture_output=True, text=True, check=False
    )
    if done.returncode:
        reason = (done.stderr.strip().splitlines() or [f"exit status {done.returncode}"])[-1]
        remedy = f"Remove what is left of it: netctl lab down {lab.name}"
        raise NetctlError.of("the lab does not start", f"{reason}\n{NEEDS}\n{remedy}")
    answers: dict[str, str] = json.loads(done.stdout)["machines"]
    problems = {name: _complaint(name, answer) for name, answer in sorted(answers.items()) if answer}
    problems |= _silent(lab, [machine for machine in machines if machine.name not in problems])
    for name in answers.keys() - problems.keys():
        lab.booted(name)
    if problems:
        raise NetctlError(*problems.values())
    return frozenset(machine.name for machine in machines if machine.name != WORLD)


def _order(lab: Lab, machine: Machine) -> dict[str, Any]:
    is_host = machine.name != WORLD
    return {
        "name": machine.name,
        "cgroup": str(cgroup.of_machine(lab.name, machine.name)),
        "device": machine.device,
        "mac": machine.mac,
        "network": network(machine),
        "sysctls": sysctls(machine),
        "files": files(lab, machine),
        "hidden": hidden(),
        "init": [SSHD, "-D", "-E", "/var/log/sshd.log"] if is_host else ["/bin/sleep", "infinity"],
        "ignoreChildren": not is_host,
    }


def _complaint(machine: str, answer: str) -> Problem:
    return Problem(f"{machine} does not boot", f"{answer[0].upper()}{answer[1:]}.\n{NEEDS}", f"host {machine}")


def _silent(lab: Lab, machines: Iterable[Machine]) -> dict[str, Problem]:
    """Wait until every host's sshd listens; what there is to say of those that do not."""
    deadline = time.monotonic() + PATIENCE
    problems: dict[str, Problem] = {}
    for machine in machines:
        group = cgroup.of_machine(lab.name, machine.name)
        while machine.ssh_port and not _listens(cgroup.init(group), machine.ssh_port):
            if not cgroup.init(group) or time.monotonic() > deadline:
                log = _disk(lab, machine.name) / "root-layers/upper/var/log/sshd.log"
                words = log.read_text().strip() if log.exists() else "It left no log."
                summary = f"the sshd of {machine.name} does not listen"
                problems[machine.name] = Problem(summary, words, f"host {machine.name}")
                break
            time.sleep(0.002)
    return problems


def _listens(process: int, port: int) -> bool:
    """Whether somebody listens on a TCP port in the network namespace of a process."""
    for table in ("tcp", "tcp6"):
        try:
            lines = Path(f"/proc/{process}/net/{table}").read_text().splitlines()[1:]
        except OSError:
            continue
        if any(words[1].endswith(f":{port:04X}") and words[3] == "0A" for words in map(str.split, lines)):
            return True
    return False
