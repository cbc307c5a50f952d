"""BOTH SIDES: the kinds of things netctl manages on a host, in the order in which they are made.

A new kind is one file here, one word in `KINDS`, and one folder of cases in tests/kinds/.
"""

from __future__ import annotations

from typing import Any

from state.kinds.address import Addresses
from state.kinds.attachment import Attachments
from state.kinds.block import Blocks
from state.kinds.device import Devices
from state.kinds.endpoint import Endpoints
from state.kinds.kind import Kind
from state.kinds.link import Links
from state.kinds.map import Maps
from state.kinds.masquerade import Masquerades
from state.kinds.neighbour import Neighbours
from state.kinds.netns import Namespaces
from state.kinds.peer import Peers
from state.kinds.policy import Policies
from state.kinds.program import Programs
from state.kinds.route import Routes
from state.kinds.rule import Rules
from state.kinds.setting import Settings
from state.kinds.sysctl import Sysctls
from state.kinds.tunnel import Tunnels

KINDS: tuple[Kind[Any], ...] = (
    Sysctls(),
    Namespaces(),
    Devices(),
    # A device goes up when its programs are attached and their maps are filled.
    Maps(),
    Programs(),
    Settings(),
    # Who is audited is so before policies begin to deny.
    Endpoints(),
    Peers(),
    Blocks(),
    Tunnels(),
    Policies(),
    Attachments(),
    Links(),
    Addresses(),
    Neighbours(),
    Routes(),
    Rules(),
    Masquerades(),
)
