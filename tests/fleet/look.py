"""Everything that can be seen of a host, as texts to compare: a host is as it was if they are."""

from __future__ import annotations

import difflib
import os
import re
import stat
from collections.abc import Iterator
from pathlib import Path

from tests.fleet.town import Town

NETWORK = """
while ip -6 address show tentative | grep -q inet6; do sleep 0.05; done
for ns in "" $(ip netns list | cut -d' ' -f1); do
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
echo "# mounts"; cut -d' ' -f4- /proc/self/mountinfo | sort
echo "# bpffs"; find /sys/fs/bpf -mindepth 1
echo "# memory"; find /run /tmp /root /dev/shm -mindepth 1 -printf '%M %u %g %s %p\\n' | sort
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
    seen = re.sub(r" expires \d+sec", " expires", seen)
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
