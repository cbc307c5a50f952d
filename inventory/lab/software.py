"""WORKSTATION: what a machine of the lab finds when it boots: its files, its network settings, its programs."""

from __future__ import annotations

import hashlib
import os
import shutil
from pathlib import Path

from inventory.lab.record import NOT_ROOT, Lab
from inventory.lab.wiring import MARK, WORLD, Machine
from state.problem import NetctlError, Problem

SSHD = "/usr/sbin/sshd"
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
SSHD_CONFIG = f"""\
HostKey /etc/ssh/ssh_host_ed25519_key
AuthorizedKeysFile .ssh/authorized_keys
PermitRootLogin prohibit-password
PasswordAuthentication no
KbdInteractiveAuthentication no
UsePAM no
UseDNS no
StrictModes no
PrintMotd no
PrintLastLog no
PidFile none
MaxStartups 200:30:400
MaxSessions 200
SetEnv PATH={PATH} LANG=C.UTF-8
Subsystem sftp internal-sftp
"""
PROGRAMS = {"sshd": "openssh-server", "ip": "iproute2", "nsenter": "util-linux"}


def require() -> None:
    """Raise NetctlError, naming everything at once, if this machine cannot run a lab."""
    problems: list[Problem] = []
    if os.geteuid():
        problems.append(NOT_ROOT)
    for program, package in PROGRAMS.items():
        if not shutil.which(program, path=PATH):
            problems.append(Problem(f"{program} is missing", f"Install it: apt-get install {package}"))
    if not Path("/proc/self/ns/cgroup").exists():
        problems.append(Problem("this kernel has no cgroup namespaces", "The lab and netctl's hosts need Linux 6.1."))
    if problems:
        raise NetctlError(*problems)


def files(lab: Lab, machine: Machine) -> dict[str, tuple[int, str]]:
    """The files, with mode, in which a new machine differs from this one."""
    found = {
        "/etc/hostname": (0o644, f"{machine.name}\n"),
        "/etc/hosts": (0o644, _hosts(lab)),
        "/etc/machine-id": (0o444, hashlib.sha256(f"{lab.name}/{machine.name}".encode()).hexdigest()[:32] + "\n"),
    }
    if machine.name == WORLD:
        return found
    found |= {
        "/etc/ssh/sshd_config": (0o644, f"Port {machine.ssh_port}\n{SSHD_CONFIG}"),
        "/etc/ssh/ssh_host_ed25519_key": (0o600, (lab.home / "keys" / machine.name).read_text()),
        "/etc/ssh/ssh_host_ed25519_key.pub": (0o644, lab.host_keys[machine.name] + "\n"),
        "/root/.ssh/authorized_keys": (0o600, lab.identity.with_suffix(".pub").read_text()),
    }
    if (shadow := _unlocked(Path("/etc/shadow").read_text())) is not None:
        found["/etc/shadow"] = (0o640, shadow)
    return found


def hidden() -> list[str]:
    """What is on this machine's disk and must not be on a new one: what netctl itself may have left here."""
    return ["/etc/netctl", "/var/lib/netctl", "/var/log/sshd.log"]


def _hosts(lab: Lab) -> str:
    lines = ["127.0.0.1 localhost", "::1 localhost ip6-localhost ip6-loopback"]
    for name, machine in sorted(lab.wiring.hosts.items()):
        lines += [f"{address.partition('/')[0]} {name}" for address in machine.addresses]
    return "\n".join(lines) + "\n"


def _unlocked(shadow: str) -> str | None:
    """The password file with a root account that can log in by key, or None where it already can: `!` locks it."""
    lines = shadow.splitlines()
    changed = ["root:*" + line[line.index(":", 5) :] if line.startswith("root:!") else line for line in lines]
    return None if changed == lines else "\n".join(changed) + "\n"


def network(machine: Machine) -> list[tuple[str, str]]:
    """The machine's addresses and routes: options of `ip`, and the commands it reads with them."""
    device = machine.device
    lines = ["link set lo up", f"link set {device} up"]
    lines += [
        f"address add {address} dev {device}{' nodad' if ':' in address else ''}" for address in machine.addresses
    ]
    lines += [f"route add default via {gateway} dev {device}" for gateway in machine.gateways]
    lines += [f"route add {route} dev {device} table {MARK}" for route in machine.routes]
    batches = [("", "".join(line + "\n" for line in lines))]
    if machine.routes:
        batches += [(family, f"rule add fwmark {MARK} lookup {MARK} priority 100\n") for family in ("-4", "-6")]
    return batches


def sysctls(machine: Machine) -> dict[str, str]:
    """What a new network namespace inherits from this machine set back, and what Debian's systemd sets."""
    settings = {"net/ipv4/ip_forward": "0", "net/ipv4/conf/all/rp_filter": "0"}
    for name in ("default", "lo", machine.device):
        settings |= {
            f"net/ipv4/conf/{name}/rp_filter": "2",
            f"net/ipv4/conf/{name}/accept_source_route": "0",
            f"net/ipv4/conf/{name}/promote_secondaries": "1",
        }
    settings["net/ipv4/ping_group_range"] = "0 2147483647"
    if machine.name == WORLD:
        settings |= {
            "net/ipv4/ip_forward": "1",
            "net/ipv6/conf/all/forwarding": "1",
            f"net/ipv4/neigh/{machine.device}/retrans_time_ms": "200",
            f"net/ipv6/neigh/{machine.device}/retrans_time_ms": "200",
        }
    return settings
