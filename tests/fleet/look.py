"""Everything that can be seen of a host, as texts to compare: a host is as it was if they are."""

from __future__ import annotations

import difflib
import json
import os
import re
import stat
from collections.abc import Iterator
from pathlib import Path

from tests.fleet.town import Town

NETWORK = """
while ip -6 address show tentative | grep -q inet6; do sleep 0.05; done
for ns in "" $(ip netns list | cut -d' ' -f1 | sort); do
  in="${ns:+-n $ns}"
  echo "## netns $ns"
  echo "# links"; ip $in -d -o link show
  echo "# qdiscs"; tc $in -d qdisc show
  for family in -4 -6; do
    echo "# addresses $family"; ip $in $family -o address show
    echo "# routes $family"; ip $in $family -d route show table all | sort
    echo "# rules $family"; ip $in $family -d rule show
  done
  echo "# neighbours"; ip $in neighbour show nud permanent
  echo "# proxies"; ip $in neighbour show proxy
done
echo "# nftables"; nft list ruleset
echo "# sysctls"; sysctl -a 2>/dev/null | grep '^net\\.' | grep -v nf_conntrack_count
echo "# mounts"; cut -d' ' -f4- /proc/self/mountinfo | sed 's/ shared:[0-9]*//' | sort
echo "# bpffs"; find /sys/fs/bpf -mindepth 1
echo "# memory"; find /run /tmp /root /dev/shm -mindepth 1 \\
  '(' -path '/run/netctl/*.json' -o -path /run/netctl/look ')' -o -path /run/netctl -printf '%M %u %g %p\\n' \\
  -o -printf '%M %u %g %s %p\\n' | sort
echo "# cgroups"; find /sys/fs/cgroup -type d
"""
HOOKS = """
from state.host.linux import LinuxKernel
bpf = LinuxKernel().bpf
for device in bpf.devices():
    print(device, bpf.foreign(device, "ingress"), bpf.foreign(device, "egress"))
print(bpf.attachments())
"""


def look(town: Town, host: str) -> str:
    """A host, whole: network, settings, mounts, BPF, files."""
    seen = town.on(host, NETWORK) + "# hooks\n" + town.python(host, HOOKS)
    seen = re.sub(r" expires \d+sec", " expires", re.sub(r" shared:\d+", " shared", seen))
    return seen + "# disk\n" + "\n".join(_files(town.disk(host)))


def look_at_all(town: Town) -> dict[str, str]:
    """Every host."""
    return {host: look(town, host) for host in town.hosts}


def changed(before: dict[str, str], after: dict[str, str]) -> str:
    """The lines in which hosts differ, as a diff; empty where all is as it was."""
    lines = (
        line
        for host in before
        for line in difflib.unified_diff(before[host].splitlines(), after[host].splitlines(), host, host, "", "", 0, "")
    )
    return "\n".join(lines)


def _files(root: Path) -> Iterator[str]:
    for folder, folders, names in sorted(os.walk(root)):
        if folder == f"{root}/var/log":
            folders.clear()
            continue
        for name in sorted(names):
            path = Path(folder) / name
            what = path.lstat()
            text = repr(path.read_bytes()) if stat.S_ISREG(what.st_mode) and what.st_size < 10000 else ""
            yield f"{oct(what.st_mode)} {what.st_uid} {what.st_size} {path.relative_to(root)} {text}"
        below = "/" / Path(folder).relative_to(root)
        if not below.is_dir():  # else it is there because something in it was touched, and looks as it always did
            yield f"{oct(Path(folder).lstat().st_mode)} {below}/"


DATAPATH = """
import json
from bpf.layout import MAPS
from state.host.linux import LinuxKernel
bpf = LinuxKernel().bpf
names = {index: name for name, index in bpf.devices().items()}

def text(raw):
    return {bytes(key).hex(): bytes(value).hex() for key, value in sorted(raw.items())}

def named(key):
    return names.get(int.from_bytes(key, "little"), "gone")

tables = {name: text(table) for name, table in bpf.generation().tables.items()}
endpoints = {key.hex(): [named(raw[:4]), raw[4:].hex()] for key, raw in bpf.entries("endpoints").items()}
devices = {named(key): raw.hex() for key, raw in bpf.entries("devices").items()}
settings = [[named(raw[:4]), named(raw[4:8]), raw[8:].hex()] for raw in bpf.entries("settings").values()]
loaded = [repr(sorted(items.items())) for items in (bpf.maps(), bpf.programs(), bpf.attachments())]
found = [tables, endpoints, devices, settings, loaded, sorted(bpf.connection_tables())]
print(json.dumps(found, indent=1, sort_keys=True))
"""

IDENTITIES = """
import json, os, struct
from pathlib import Path
from bpf.libbpf import call
from bpf import maps
from bpf.generation import TABLES, WORD
found = {}
outer = {}
for folder, _, names in os.walk("/sys/fs/bpf/netctl"):
    for name in names:
        path = f"{folder}/{name}"
        fd = call("open", "bpf_obj_get", path.encode())
        lines = Path(f"/proc/self/fdinfo/{fd}").read_text().splitlines()
        said = dict(line.split(":", 1) for line in lines if ":" in line)
        found[path] = {key: said[key].strip() for key in ("map_id", "prog_id", "link_id") if key in said}
        outer[name] = fd
slot = maps.lookup(outer[WORD], bytes(4), 8)[0]
for name in TABLES:
    found[f"table {name}"] = maps.inner(outer[name], slot)
for key, raw in maps.read(outer["connections"]).items():
    found[f"table connections {int.from_bytes(key, 'little')}"] = int.from_bytes(raw, "little")
for name in os.listdir("/sys/class/net"):
    found[f"device {name}"] = Path(f"/sys/class/net/{name}/ifindex").read_text()
for name in os.listdir("/run/netns"):
    found[f"netns {name}"] = os.stat(f"/run/netns/{name}").st_ino
print(json.dumps(found))
"""


def settled(town: Town, host: str) -> str:
    """A host after an apply, without what tells when each thing was made: numbers the kernel gives, and the epoch."""
    seen = look(town, host) + "# datapath\n" + town.python(host, DATAPATH)
    seen = re.sub(r"^\d+: |@if\d+|link-netnsid \d+|net:\[\d+\]|\d+ (?=/run/netctl/lock)", "", seen, flags=re.MULTILINE)
    return re.sub(r"^#.*\n(?:(?!#).*\n)*", _in_order, seen, flags=re.MULTILINE)


def _in_order(section: re.Match[str]) -> str:
    """A section of what is seen, its lines sorted: the kernel lists many things in the order they were made in."""
    title, *lines = section.group().splitlines(keepends=True)
    return "".join([title, *sorted(lines)])


def identities(town: Town) -> dict[str, object]:
    """The kernel's numbers of everything netctl has made, by host and what it is."""
    found: dict[str, object] = {}
    for host in town.hosts:
        found |= {f"{host} {name}": number for name, number in json.loads(town.python(host, IDENTITIES)).items()}
    return found
