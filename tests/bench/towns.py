"""Manifests to measure with, of any number of hosts; their labs, applied, and gone at the end."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from tempfile import mkdtemp

from inventory.lab import power

ROOT = Path(__file__).resolve().parents[2]
ENDPOINTS = (("web", "shop"), ("db", "shop"), ("probe", "ops"))
"""The endpoints of every host: what they are, and their namespace."""

HEAD = """\
cluster: {name: bench, id: 1}
network: {mode: overlay}
ranges:
  endpoints: {ipv4: 10.42.0.0/16, ipv6: fd42::/48}
namespaces:
  shop: {labels: {team: shop}}
  ops: {labels: {team: ops}}
"""
HOST = "  {name}: {{address: 203.0.113.{number}, underlay: {{ipv4: 203.0.113.{number}, ipv6: '2001:db8::{number}'}}}}\n"
ENDPOINT = (
    "  {kind}-{name}: {{host: {name}, namespace: {namespace}, labels: {{app: {kind}}}, attach: {{netns: {kind}}}}}\n"
)


def manifest(hosts: int) -> str:
    """A manifest of so many hosts, with three endpoints on each."""
    names = {f"h{number:03}": number for number in range(1, hosts + 1)}
    text = HEAD + "hosts:\n" + "".join(HOST.format(name=name, number=number) for name, number in names.items())
    text += "endpoints:\n"
    for name in names:
        text += "".join(ENDPOINT.format(kind=kind, name=name, namespace=space) for kind, space in ENDPOINTS)
    return text


@contextmanager
def example(name: str) -> Generator[Path]:
    """The folder of a copy of an example, its lab booted and the manifest applied there."""
    with _home() as folder:
        shutil.copytree(ROOT / "examples" / name, folder)
        _boot(folder)
        yield folder


@contextmanager
def town(hosts: int) -> Generator[Path]:
    """The folder of such a manifest, its lab booted and the manifest applied there."""
    with _home() as folder:
        folder.mkdir()
        (folder / "netctl.yaml").write_text(manifest(hosts))
        (folder / "policies.yaml").write_text(POLICIES)
        netctl("lock", folder)
        _boot(folder)
        yield folder


@contextmanager
def _home() -> Generator[Path]:
    """Where a manifest is to be; its lab and all of it are gone at the end."""
    home = Path(mkdtemp(prefix="netctl-bench-"))
    folder = home / "manifest"
    try:
        yield folder
    finally:
        power.down(folder)
        shutil.rmtree(home)


def _boot(folder: Path) -> None:
    netctl("lab", "up", folder)
    netctl("apply", folder, "--lab", "--yes")


def command(*words: str | Path) -> list[str]:
    """The command line of netctl as a checkout has it."""
    return [sys.executable, str(ROOT / "netctl.py"), *map(str, words)]


def netctl(*words: str | Path) -> str:
    """What netctl prints; it must succeed."""
    done = subprocess.run(command(*words), capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
    if done.returncode:
        raise RuntimeError(
            f"netctl {' '.join(map(str, words))} ended with {done.returncode}\n{done.stdout}{done.stderr}"
        )
    return done.stdout


POLICIES = """\
apiVersion: cilium.io/v2
kind: CiliumNetworkPolicy
metadata: {name: db, namespace: shop}
spec:
  endpointSelector: {matchLabels: {app: db}}
  ingress:
    - fromEndpoints: [{matchLabels: {app: web}}]
      toPorts: [{ports: [{port: "5432", protocol: TCP}]}]
---
apiVersion: cilium.io/v2
kind: CiliumNetworkPolicy
metadata: {name: web, namespace: shop}
spec:
  endpointSelector: {matchLabels: {app: web}}
  ingress:
    - fromCIDRSet: [{cidr: 198.51.100.0/24, except: [198.51.100.128/25]}]
      toPorts: [{ports: [{port: "80", protocol: TCP}]}]
  egress:
    - toEndpoints: [{matchLabels: {app: db}}]
      toPorts: [{ports: [{port: "5432", protocol: TCP}]}]
"""
