"""BOTH SIDES: the kinds of things netctl manages on a host, in the order in which they are made.

A new kind is one file here, one word in `KINDS`, and one folder of cases in tests/kinds/.
"""

from __future__ import annotations

from typing import Any

from state.kinds.address import Addresses
from state.kinds.device import Devices
from state.kinds.kind import Kind
from state.kinds.link import Links
from state.kinds.masquerade import Masquerades
from state.kinds.neighbour import Neighbours
from state.kinds.netns import Namespaces
from state.kinds.route import Routes
from state.kinds.rule import Rules
from state.kinds.sysctl import Sysctls

KINDS: tuple[Kind[Any], ...] = (
    Sysctls(),
    Namespaces(),
    Devices(),
    # What the datapath needs comes here: a device goes up when its programs are attached and their maps are filled.
    Links(),
    Addresses(),
    Neighbours(),
    Routes(),
    Rules(),
    Masquerades(),
)
