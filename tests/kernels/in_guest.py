"""What is tested inside a guest kernel only: that it is the kernel it should be, and two hosts on it from end to end.

Not collected with the rest: `selection.py` names this file for the guests.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from fnmatch import fnmatch

import pytest

from bpf import hooks, libbpf
from state.host.facts import probe
from tests.bpf.datapath import build, datapath
from tests.conftest import kernel
from tests.fleet.look import changed, look_at_all
from tests.fleet.town import Done, Town

LACKS = {"6.1.*-uml": {"tcx", "btf", "jit", "nft"}, "6.1.*": {"tcx"}, "*": set[str]()}
"""What a kernel is known to lack, by its release: the first pattern that fits."""
SENTENCES = {
    "tcx": "the kernel has no tcx (6.6 and newer have): programs are attached by clsact",
    "jit": "the kernel does not compile BPF programs: every packet costs several times more",
    "nft": "nftables is missing: what an endpoint sends to the outside is dropped, but for replies",
}
"""What plan and status say of it. Nothing needs a kernel's own BTF so far: status names it only."""
JITED = struct.Struct("<16xI")
"""Of struct bpf_prog_info: the length of the compiled program."""


def lacking() -> set[str]:
    """What this kernel lacks, as far as is known beforehand."""
    return next(words for pattern, words in LACKS.items() if fnmatch(kernel(), pattern))


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    """Two hosts with nothing of netctl's on them."""
    town = Town(tmp_path_factory.mktemp("guest") / "pair")
    try:
        town.boot()
        yield town
    finally:
        town.down()


def test_the_kernel_is_what_it_is_taken_for() -> None:
    found = probe(tcx=hooks.has_tcx())
    assert {name for name in ("tcx", "btf", "jit", "vxlan", "nft", "ringbuf") if not getattr(found, name)} == lacking()


def test_programs_are_compiled_where_there_is_a_jit() -> None:
    build()
    with datapath() as loaded:
        lengths = [JITED.unpack(libbpf.info(fd, JITED.size))[0] for fd in loaded.programs.values()]
    assert len(lengths) == 6
    assert all(length > 0 for length in lengths) == ("jit" not in lacking())


def told(done: Done, town: Town) -> None:
    """Every sentence of what the kernel lacks is there once, for all hosts; no other; and no traceback."""
    assert "Traceback" not in done.out + done.err
    for name, sentence in SENTENCES.items():
        assert done.err.count(sentence) == (name in lacking()), done.err
    assert not lacking() or f"with hosts {', '.join(town.hosts)}" in done.err


def test_two_hosts_from_nothing_to_nothing(lab: Town) -> None:
    before = look_at_all(lab)
    planned = lab.netctl("plan", "--detailed-exitcode")
    assert planned.code == 2, planned.err
    told(planned, lab)
    lab.apply()
    again = lab.netctl("plan", "--detailed-exitcode")
    assert (again.code, again.out.splitlines()[-1]) == (0, "No changes. Every host is what the manifest says.")
    status = lab.netctl("status")
    told(status, lab)
    assert "2 in sync, 0 drifted, 0 unreachable." in status.out
    words = {"tcx": "tcx", "btf": "BTF", "jit": "JIT", "nft": "nftables"}
    without = ", ".join(word for name, word in words.items() if name in lacking())
    assert f"kernel {os.uname().release}{' without ' if without else ''}{without}\n" in status.out
    assert f"(by {'clsact' if 'tcx' in lacking() else 'tcx'})" in status.out
    packets(lab)
    lab.edit('[{port: "6379", protocol: TCP}]}]\n---', '[{port: "6380", protocol: TCP}]}]\n---', "policies.yaml")
    lab.settle()
    lab.edit("port: 6379/TCP, expect: allow", "port: 6379/TCP, expect: deny")
    packets(lab)
    lab.destroy()
    odd = changed(before, look_at_all(lab))
    assert not odd, odd


def packets(lab: Town) -> None:
    """Every assertion holds by packets; without nftables what an endpoint sends to the outside is dropped."""
    done = lab.netctl("test", "--live", "--format", "json")
    items = done.json["assertions"]
    assert {item["method"] for item in items} == {"packets"}
    failed = [item for item in items if item["got"] != item["expect"]]
    if "nft" in lacking():
        assert {item["reason"] for item in failed} == {"not masqueraded"}
        assert {item["to"] for item in failed} == {"198.51.100.20", "2001:db8:fa::20"}
    else:
        assert failed == []
    assert len(items) - len(failed) >= 12
