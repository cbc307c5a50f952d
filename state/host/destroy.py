"""HOST: the end of destroy: nothing of netctl's is left to delete; what it changed is restored, and its files go."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Mapping, Sequence
from typing import Any

from state.change import Found
from state.host.netlink import libc
from state.kernel import Kernel
from state.kinds import KINDS, sysctl
from state.kinds.kind import Kind
from state.naming import RUN_FOLDER, STATE_FOLDER
from state.problem import HostError

FOLDERS = (STATE_FOLDER, RUN_FOLDER)

MNT_DETACH = 2

CREATED = "folders"
"""The section of the originals that names folders which netctl made, but not for itself alone."""


def leave(
    kernel: Kernel,
    found: Mapping[str, Mapping[str, Found[Any]]],
    kinds: Sequence[Kind[Any]] = KINDS,
    folders: Sequence[str] = FOLDERS,
) -> None:
    """Make the host as it was before netctl. Refused while anything is `found` that must be deleted first.

    The agent's own archive is among the files: nothing can be imported from it afterwards.
    """
    rest = [
        f"{kind.name} {address}"
        for kind in kinds
        if not kind.lasting
        for address, item in found.get(kind.name, {}).items()
        if item.owned
    ]
    if rest:
        raise HostError.of(f"{len(rest)} things of netctl's are still there", "\n".join(rest))
    sysctl.restore(kernel)
    kernel.bpf.leave()
    created = kernel.originals.recall(CREATED)
    kernel.originals.forget()
    for folder in created:
        _remove_empty(folder)
    for folder in folders:
        _remove(folder)


def _remove_empty(folder: str) -> None:
    try:
        if os.listdir(folder):
            return  # somebody else has begun to use it
        libc.umount2(folder.encode(), MNT_DETACH)
        os.rmdir(folder)
    except OSError:
        return


def _remove(folder: str) -> None:
    """The folder with all in it; where something is mounted on it, only what is in it."""
    try:
        for entry in os.scandir(folder):
            if entry.is_dir(follow_symlinks=False):
                shutil.rmtree(entry.path)
            else:
                os.unlink(entry.path)
        os.rmdir(folder)
    except FileNotFoundError:
        return
    except OSError as error:
        if error.errno == errno.EBUSY and error.filename == folder:
            return
        raise HostError.of(f"cannot remove {error.filename}: {error.strerror}", "Remove it by hand.") from error
