"""HOST: the real kernel behind the port of `state.kernel`."""

from __future__ import annotations

import ctypes
import os
from typing import Optional

from state.host import files
from state.host.net import LinuxNet
from state.host.netlink import NETNS_FOLDER, libc
from state.host.nftables import LinuxNft
from state.host.originals import OriginalsFile
from state.host.sysctls import LinuxSysctls
from state.kernel import Originals
from state.kernel_bpf import Bpf
from state.naming import OWNER, STATE_FOLDER
from state.problem import HostError

_CLONE_NEWNET = 0x40000000
_MS_BIND, _MS_SHARED, _MNT_DETACH = 4096, 1 << 20, 2


class LinuxKernel:
    """This machine. `home` makes a named network namespace stand for its own; `folder` keeps originals."""

    def __init__(self, home: str = "", folder: str = STATE_FOLDER, bpf: Optional[Bpf] = None) -> None:
        self.net = LinuxNet(home)
        self.sysctl = LinuxSysctls(home)
        self.nft = LinuxNft(home)
        self.originals: Originals = OriginalsFile(folder)
        self.netns = LinuxNamespaces(self.net, self.originals)
        self._bpf = bpf
        self._home = home

    @property
    def bpf(self) -> Bpf:
        """The BPF half; libbpf is loaded when it is first asked for."""
        if self._bpf is None:
            from bpf.port import LinuxBpf

            self._bpf = LinuxBpf(home=self._home)
        return self._bpf


class LinuxNamespaces:
    """The names in /run/netns."""

    def __init__(self, net: LinuxNet, originals: Originals) -> None:
        self._net = net
        self._originals = originals

    def names(self) -> list[str]:
        """All of them, sorted; not the plain files that a crash or a reboot can leave there."""
        return list(files.namespaces())

    def owned(self) -> list[str]:
        """Those that netctl made, by their mark, sorted."""
        return [name for name in self.names() if self._is_owned(name)]

    def _is_owned(self, name: str) -> bool:
        return any(OWNER in link.marks for link in self._net.links(name))

    def create(self, name: str) -> None:
        """Make one: marked first, named then, so that a name without the mark is never ours."""
        from state.host import write

        if name in self.names():
            return
        if not os.path.isdir(NETNS_FOLDER):
            self._originals.remember("folders", {NETNS_FOLDER: "absent"})
            _make_folder(name)
        path = f"{NETNS_FOLDER}/{name}"
        os.close(os.open(path, os.O_RDONLY | os.O_CREAT | os.O_CLOEXEC, 0o444))
        home = os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
        try:
            _check(libc.unshare(_CLONE_NEWNET), name, "make")
            try:
                write.mark("lo", OWNER)
                here = b"/proc/thread-self/ns/net"
                _check(libc.mount(here, path.encode(), b"none", _MS_BIND, None), name, "name")
            finally:
                if libc.setns(home, _CLONE_NEWNET):
                    os._exit(70)  # a thread in a namespace it does not know of would configure the wrong host
        finally:
            os.close(home)

    def delete(self, name: str) -> None:
        """Remove the name."""
        path = f"{NETNS_FOLDER}/{name}"
        libc.umount2(path.encode(), _MNT_DETACH)
        try:
            os.unlink(path)
        except FileNotFoundError:
            return
        except OSError as error:
            raise HostError.of(f"netns {name}: cannot remove it: {error.strerror}", "", f"netns {name}") from error


def _make_folder(name: str) -> None:
    """The folder as `ip netns add` makes it: else that would mount it once more, above the names that are there then.

    Those names could not be removed any more: each would be mounted twice, one out of reach.
    """
    os.makedirs(NETNS_FOLDER, exist_ok=True)
    folder = NETNS_FOLDER.encode()
    _check(libc.mount(folder, folder, b"none", _MS_BIND, None), name, "make room for")
    _check(libc.mount(b"", folder, b"none", _MS_SHARED, None), name, "make room for")


def _check(result: int, name: str, verb: str) -> None:
    if result:
        reason = os.strerror(ctypes.get_errno())
        raise HostError.of(f"netns {name}: cannot {verb} it: {reason}", "", f"netns {name}")
