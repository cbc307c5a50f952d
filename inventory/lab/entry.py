"""WORKSTATION: into the lab's machines: by SSH, as netctl does, and by their namespaces, as from the console."""

from __future__ import annotations

import ctypes
import os
import shlex
import shutil
import socket
import subprocess
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TypeVar, Union

from inventory.lab import cgroup, record
from inventory.lab.record import Lab
from inventory.lab.software import PATH
from inventory.lab.wiring import MARK, WORLD
from inventory.target import Target
from state.cluster import Cluster
from state.host import packets
from state.host.packets import Probe
from state.manifest import Manifest, Underlay
from state.problem import NetctlError, UsageError

T = TypeVar("T")

NEWNET = 0x40000000
_LIBC = ctypes.CDLL(None, use_errno=True)


def reach(folder: str | os.PathLike[str]) -> Mapping[str, Target]:
    """How SSH reaches each host of the running lab of a manifest: at its own address, from the lab's world."""
    lab = record.find(folder)
    lab.world()
    return {
        name: Target(
            name,
            machine.ssh_address,
            machine.ssh_port,
            "root",
            lab.host_keys[name],
            lab.identity,
            _connector(lab, machine.ssh_address, machine.ssh_port),
            f"Is it on? Boot it: netctl lab power {lab.folder} {name} on",
        )
        for name, machine in lab.wiring.hosts.items()
    }


def underlays(folder: str | os.PathLike[str]) -> Mapping[str, Underlay]:
    """The addresses each host of the lab has between the hosts: what the lab chose where the manifest has none."""
    from ipaddress import IPv4Interface, IPv6Interface

    found: dict[str, Underlay] = {}
    for name, machine in record.find(folder).wiring.hosts.items():
        ipv4 = [IPv4Interface(text).ip for text in machine.addresses if ":" not in text]
        ipv6 = [IPv6Interface(text).ip for text in machine.addresses if ":" in text]
        found[name] = Underlay(ipv4[-1], ipv6[-1], machine.device)
    return found


def run(
    folder: str | os.PathLike[str],
    place: str,
    words: Sequence[str],
    *,
    netns: str = "",
    stdin: str = "",
    timeout: float | None = None,
) -> subprocess.CompletedProcess[str]:
    """Run a command on a machine of the lab (a host's name, or `world`), or in a network namespace of it.

    What it wrote is in the result, as text; its exit status is not looked at.
    """
    enter = command(record.find(folder), place, words, netns)
    return subprocess.run(
        enter, env=environment(), input=stdin, timeout=timeout, capture_output=True, text=True, check=False
    )


def command(lab: Lab, machine: str, words: Sequence[str], netns: str = "") -> list[str]:
    """The command line that runs `words` on a machine: it joins the machine's cgroup, then all its namespaces.

    It must be run with `environment()`, else what it starts has the environment of this machine.
    """
    process = lab.init(machine)
    if not process:
        if machine != WORLD and machine not in lab.wiring.hosts:
            names = ", ".join([*sorted(lab.wiring.hosts), WORLD])
            raise UsageError.of(f"the lab has no host {machine}", f"It has: {names}. An endpoint is NAMESPACE/NAME.")
        lab.world()
        raise NetctlError.of(f"{machine} is off", f"Boot it: netctl lab power {lab.folder} {machine} on", machine)
    if netns and not Path(f"/proc/{process}/root/run/netns/{netns}").exists():
        how = f"netctl makes it when it applies: netctl apply --lab {lab.folder}"
        raise NetctlError.of(f"{machine} has no network namespace {netns} yet", how, f"host {machine}")
    inside = ["ip", "netns", "exec", netns, *words] if netns else list(words)
    group = cgroup.of_machine(lab.name, machine)
    join = 'echo $$ >"$1" && shift && exec "$@"'
    nsenter = [_program("nsenter"), f"--target={process}", "--all", "--"]
    return ["/bin/sh", "-c", join, "sh", f"{group}/cgroup.procs", *nsenter, *inside]


def environment() -> dict[str, str]:
    """What a command run on a machine of the lab finds in its environment: nothing of ours but the kind of terminal."""
    found = {"PATH": PATH, "HOME": "/root", "USER": "root", "LOGNAME": "root", "SHELL": "/bin/bash", "LANG": "C.UTF-8"}
    if "TERM" in os.environ:
        found["TERM"] = os.environ["TERM"]
    return found


def ssh(lab: Lab, host: str, words: Sequence[str]) -> list[str]:
    """The command line of OpenSSH's client that logs in to a host, run where the world is."""
    if host not in lab.wiring.hosts:
        raise UsageError.of(f"the lab has no host {host}", f"It has: {', '.join(sorted(lab.wiring.hosts))}.")
    command = words if len(words) < 2 else [shlex.join(words)]  # a single word may be a whole line, as for ssh itself
    return outside(lab, [_program("ssh"), "-F", str(lab.ssh_config), host, *command])


def outside(lab: Lab, words: Sequence[str]) -> list[str]:
    """The command line that runs a program of this machine, with its files, in the world's network.

    From there `ssh -F lab.ssh_config` and whatever is built on it reach the hosts as netctl does.
    """
    return [_program("nsenter"), f"--net=/proc/{lab.world()}/ns/net", "--", *words]


def endpoint(manifest: Union[Manifest, Cluster], key: str) -> tuple[str, str]:
    """The host and the network namespace of an endpoint."""
    if found := manifest.endpoints.get(key):
        return found.host, found.netns
    names = ", ".join(sorted(manifest.endpoints)) or "none"
    raise UsageError.of(f"the manifest has no endpoint {key}", f"It has: {names}.")


def _connector(lab: Lab, address: str, port: int) -> Callable[[float], socket.socket]:
    def connect(timeout: float) -> socket.socket:
        process = lab.world()
        return _in_network(process, lambda: socket.create_connection((address, port), timeout))

    return connect


def sender(folder: str | os.PathLike[str]) -> Callable[[Probe], str]:
    """How to send a packet from the outside of a running lab; the answer is empty, or why the kernel refused it."""
    process = record.find(folder).world()

    def send(probe: Probe) -> str:
        try:
            _in_network(process, lambda: packets.send(replace(probe, mark=MARK)))
        except OSError as error:
            return error.strerror or str(error)
        return ""

    return send


def _in_network(process: int, make: Callable[[], T]) -> T:
    """What `make` returns in the network namespace of a process; a socket made there stays there, whoever uses it.

    Only a thread changes its namespace, and the thread ends: the rest of this process notices nothing.
    """
    made: list[T] = []
    failures: list[OSError] = []

    def enter() -> None:
        try:
            handle = os.open(f"/proc/{process}/ns/net", os.O_RDONLY | os.O_CLOEXEC)
            try:
                if _LIBC.setns(handle, NEWNET):
                    raise OSError(ctypes.get_errno(), "cannot enter the lab's network")
                made.append(make())
            finally:
                os.close(handle)
        except OSError as error:
            failures.append(error)

    thread = threading.Thread(target=enter, name="lab connection")
    thread.start()
    thread.join()
    if failures:
        raise failures[0]
    return made[0]


def _program(name: str) -> str:
    if found := shutil.which(name, path=PATH):
        return found
    raise NetctlError.of(f"{name} is missing", f"It is looked for in {PATH}.")
