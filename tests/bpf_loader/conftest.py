"""A host on the real kernel with its own BPF file system: a namespace with an uplink, removed with all in it."""

from __future__ import annotations

import os
import re
import secrets
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, replace
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from pathlib import Path

import pytest

from bpf import maps
from bpf.generation import TABLES, WORD
from bpf.layout import LAYOUT
from bpf.libbpf import call
from bpf.port import LinuxBpf
from state.change import Change, diff
from state.cluster import Cluster, Endpoint, Host
from state.facts import Facts
from state.host.apply import steps
from state.host.facts import gather
from state.host.linux import LinuxKernel
from state.kinds import KINDS
from state.manifest import Network, Ranges, Ssh, Underlay
from state.plan import Observation, for_host, scope
from state.policy import compiler
from state.policy.compiler import Compiled
from state.problem import Source
from tests.memory import Memory, remembered

UPLINK = "eth0"
SOURCE = Source("netctl.yaml", 1)


@dataclass
class Town:
    """One host, its kernel, and the cluster it is part of."""

    prefix: str
    home: str
    kernel: LinuxKernel
    bpf: LinuxBpf
    root: Path
    mode: str = "overlay"
    endpoints: int = 2
    uplink: str = UPLINK

    def run(self, command: str) -> str:
        """The output of a shell command on the host."""
        inside = ["nsenter", f"--net=/run/netns/{self.home}", "sh", "-ec", command]
        return subprocess.run(inside, check=True, capture_output=True, text=True).stdout

    @property
    def cluster(self) -> Cluster:
        """Hosts alpha (this one) and beta; the endpoints of alpha in namespaces netctl makes, one on beta."""
        hosts = {name: _host(name, number) for number, name in enumerate(("alpha", "beta"), 1)}
        here = [_endpoint(hosts["alpha"], number, f"{self.prefix}-{number}") for number in range(5, 5 + self.endpoints)]
        living = [*here, _endpoint(hosts["beta"], 9, "elsewhere")]
        ranges = Ranges(IPv4Network("10.42.0.0/16"), IPv6Network("fd42::/48"))
        return Cluster(
            "town", 1, Network(self.mode), ranges, hosts, {}, {item.key: item for item in living},
            {item.identity: item.identity_labels for item in living}, (), (),
        )  # fmt: skip

    def facts(self) -> Facts:
        """What the host says of itself."""
        return gather(self.kernel, replace(scope(self.cluster, "alpha"), uplink=self.uplink))

    def plan(self) -> list[str]:
        """What is to be done, a line each."""
        return [f"{change.action.value} {change.kind} {change.address}" for change in self._changes()]

    def _changes(self) -> tuple[Change, ...]:
        looked = scope(self.cluster, "alpha")
        found = {kind.name: kind.observe(self.kernel, looked) for kind in KINDS}
        made = for_host(KINDS, self.cluster, "alpha", Observation(self.facts(), found))
        assert made.applicable, made.problems
        return made.changes

    def memory(self) -> Memory:
        """What a look at this host rests on."""
        return remembered(self._changes)

    def apply(self) -> list[str]:
        """Make all changes; what they were."""
        changes = self._changes()
        for kind, part in steps(KINDS, changes):
            kind.apply(self.kernel, part)
        return [f"{change.action.value} {change.kind} {change.address}" for change in changes]

    def destroy(self) -> None:
        """Delete all that is netctl's."""
        looked = scope(self.cluster, "alpha")
        changes = [
            change
            for kind in KINDS
            if not kind.lasting
            for change in diff(kind.name, {}, kind.observe(self.kernel, looked)).changes
        ]
        for kind, part in steps(KINDS, changes):
            kind.apply(self.kernel, part)
        self.bpf.leave()

    def ids(self) -> dict[str, int]:
        """The kernel's id of everything pinned, and of the tables in the active slot."""
        found: dict[str, int] = {}
        for path in sorted((self.root / "netctl").rglob("*")):
            if path.is_file():
                found[str(path.relative_to(self.root))] = _id(path)
        return {**found, **self.tables()}

    def tables(self) -> dict[str, int]:
        """The ids of the tables in the active slot."""
        folder = self.root / "netctl" / LAYOUT
        fds = {name: call("open", "bpf_obj_get", str(folder / name).encode()) for name in (WORD, *TABLES)}
        try:
            word = maps.lookup(fds[WORD], bytes(4), 8) or bytes(8)
            return {name: maps.inner(fds[name], word[0]) or 0 for name in TABLES}
        finally:
            for fd in fds.values():
                os.close(fd)


def _id(path: Path) -> int:
    fd = call("open", "bpf_obj_get", str(path).encode())
    try:
        text = Path(f"/proc/self/fdinfo/{fd}").read_text()
    finally:
        os.close(fd)
    found = {kind: int(number) for kind, number in re.findall(r"^(map|prog|link)_id:\s*(\d+)$", text, re.MULTILINE)}
    return found["link"] if "link" in found else next(iter(found.values()))


def _host(name: str, number: int) -> Host:
    underlay = Underlay(IPv4Address(f"203.0.113.{10 + number}"), IPv6Address(f"2001:db8::{10 + number:x}"))
    slice4, slice6 = IPv4Network(f"10.42.{number}.0/24"), IPv6Network(f"fd42:0:0:{number}::/64")
    return Host(name, number, str(underlay.ipv4), Ssh(), underlay, {}, slice4, slice6, SOURCE)


def _endpoint(own: Host, number: int, netns: str) -> Endpoint:
    assert own.slice_ipv4 is not None
    assert own.slice_ipv6 is not None
    labels = (f"k8s:app=web{number}", "k8s:io.kubernetes.pod.namespace=shop")
    return Endpoint(
        "shop", f"web-{number}", own.name, {"app": f"web{number}"}, labels, 65536 + 300 + number, number, netns, {},
        own.slice_ipv4[number], own.slice_ipv6[number], SOURCE,
    )  # fmt: skip


@pytest.fixture
def town(tmp_path: Path) -> Iterator[Town]:
    """A host with an uplink, nothing of netctl's on it, and no BPF file system mounted for it."""
    if os.geteuid():
        pytest.skip("needs root")
    prefix = f"nl{secrets.token_hex(3)}"
    home, far = f"{prefix}-home", f"{prefix}-far"
    root = tmp_path / "bpf"
    root.mkdir()
    for name in (home, far):
        subprocess.run(["ip", "netns", "add", name], check=True)
    bpf = LinuxBpf(str(root), home)
    made = Town(prefix, home, LinuxKernel(home, str(tmp_path / "netctl"), bpf), bpf, root)
    try:
        made.run(
            f"ip link set lo up; ip link add {UPLINK} type veth peer name eth0 netns {far};"
            f"ip -n {far} link set eth0 up;"
            f"ip link set {UPLINK} up; ip address add 203.0.113.11/24 dev {UPLINK};"
            f"ip address add 2001:db8::b/64 nodad dev {UPLINK}"
        )
        yield made
    finally:
        subprocess.run(["umount", "-q", str(root)], check=False)
        for path in Path("/run/netns").glob(f"{prefix}*"):
            subprocess.run(["ip", "netns", "delete", path.name], check=False)


@pytest.fixture
def compiled(monkeypatch: pytest.MonkeyPatch) -> dict[str, Compiled]:
    """Policies for alpha in place of what the documents say, once `alpha` is set in it."""
    given: dict[str, Compiled] = {}

    really = compiler.compile_policies

    def either(cluster: Cluster, host: str) -> Compiled:
        return given[host] if host in given else really(cluster, host)

    monkeypatch.setattr(compiler, "compile_policies", either)
    return given
