"""WORKSTATION: hosts as network namespaces on this machine, each with its own sshd.

`wiring` says who gets which address, `software` what a machine finds when it boots, `machine` boots it, `power`
switches machines on and off, `entry` gets into them, `cgroup` knows which processes are a lab's, `record` is what is
written down.
"""

from inventory.lab.entry import reach, run, underlays
from inventory.lab.power import down, off, on, reboot, up

__all__ = ["down", "off", "on", "reach", "reboot", "run", "underlays", "up"]
