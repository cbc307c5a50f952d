"""WORKSTATION: what the agent carries of pyroute2: the message classes that `state.host.request` writes with.

Two of its modules are left out and stood in for: the package itself, which imports all of the library, and its
configuration, which asks the machine who it is and loads multiprocessing for it. So a host reads 28 modules of 233,
and no asyncio. A test imports what is carried, and finds that nothing is missing and nothing too much.
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

CARRIED = (
    "common.py",
    "netlink/__init__.py",
    "netlink/exceptions.py",
    "netlink/marshal.py",
    "netlink/rtnl/__init__.py",
    "netlink/rtnl/fibmsg.py",
    "netlink/rtnl/ifaddrmsg.py",
    "netlink/rtnl/ifinfmsg/__init__.py",
    "netlink/rtnl/ifinfmsg/plugins/*.py",
    "netlink/rtnl/iw_event.py",
    "netlink/rtnl/ndmsg.py",
    "netlink/rtnl/rtmsg.py",
)
STAND_INS = {
    "__init__.py": '"""What netctl\'s agent carries of pyroute2."""\n',
    "config/__init__.py": "AF_BRIDGE, AF_NETLINK = 7, 16\ndata_plugins_pkgs, data_plugins_path = (), ()\n",
}


def folder() -> Path:
    """Where the library is installed."""
    spec = find_spec("pyroute2")  # which does not import it
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).parent


def pyroute2() -> dict[str, bytes]:
    """The files, by their names in the archive."""
    found = {f"pyroute2/{name}": text.encode() for name, text in STAND_INS.items()}
    for pattern in CARRIED:
        for path in sorted(folder().glob(pattern)):
            found[f"pyroute2/{path.relative_to(folder()).as_posix()}"] = path.read_bytes()
    return found
