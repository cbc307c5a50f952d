"""WORKSTATION: the lab's SSH keys, and the files that OpenSSH reads about its hosts."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path

from inventory.lab.wiring import Machine


def keep(path: Path) -> str:
    """The public key (`TYPE BASE64`) of the private key at `path`, which is made if it is missing."""
    public = path.with_name(path.name + ".pub")
    if not path.exists():
        private, text = _generate()
        public.write_text(text + "\n")
        fresh = path.with_name(path.name + ".new")
        with open(fresh, "w", opener=lambda name, flags: os.open(name, flags, 0o600)) as file:
            file.write(private)
        fresh.rename(path)
    return public.read_text().strip()


def ssh_config(home: Path, identity: Path, hosts: Iterable[Machine], host_keys: Mapping[str, str]) -> None:
    """Write `ssh_config` and `known_hosts` in the lab's folder: `ssh -F` with the first knows every host by name."""
    hosts = list(hosts)
    known = "".join(f"{machine.name} {host_keys[machine.name]}\n" for machine in hosts)
    (home / "known_hosts").write_text(known)
    entry = "Host {0}\n HostName {1}\n Port {2}\n HostKeyAlias {0}\n"
    entries = [entry.format(machine.name, machine.ssh_address, machine.ssh_port) for machine in hosts]
    everyone = {
        "User": "root",
        "IdentityFile": identity,
        "IdentitiesOnly": "yes",
        "IdentityAgent": "none",
        "UserKnownHostsFile": home / "known_hosts",
        "GlobalKnownHostsFile": "/dev/null",
        "StrictHostKeyChecking": "yes",
        "LogLevel": "ERROR",
    }
    lines = [f" {name} {value}\n" for name, value in everyone.items()]
    (home / "ssh_config").write_text("".join([*entries, "Host *\n", *lines]))


def _generate() -> tuple[str, str]:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

    key = Ed25519PrivateKey.generate()
    private = key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption())
    public = key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH)
    return private.decode(), public.decode()
