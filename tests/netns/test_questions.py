"""A look at a real host rests on questions alone, and on what does not change by itself."""

from __future__ import annotations

import ast
import re
import sys
from pathlib import Path

import pytest

from state.host import package
from state.host.nftables import LinuxNft
from state.host.questions import same
from tests.kinds.towns import apply, observed
from tests.memory import overheard, remembered
from tests.netns.conftest import Town, needs_nftables
from tests.netns.test_kinds import two_endpoints

ROOT = Path(__file__).resolve().parents[2]
LOOKING = (
    *(f"state/host/{name}.py" for name in ("facts", "linux", "net", "observe", "read", "surroundings", "sysctls")),
    *(f"bpf/{name}.py" for name in ("attachments", "port", "programs")),
)
WRITING = {"create", "delete", "_make_folder", "create_map", "_sweep", "write_sysctl"}
"""Functions of these modules that change something: they see for themselves."""


def test_nothing_is_read_but_by_a_question(town: Town) -> None:
    wanted = two_endpoints(town)
    apply(town.kernel, wanted)
    (town.folder / "run").mkdir(mode=0o700)
    town.kernel.nft = LinuxNft(town.home, str(town.folder / "run"))
    observed(town.kernel, wanted)  # imports are done, the ruleset is known
    folder, file, number = overheard(lambda: observed(town.kernel, wanted))  # of what is kept, by name, then by number
    assert (folder, file) == (f"open ('{town.folder}/run',)", "open ('nftables.json',)")
    assert re.fullmatch(r"open \(\d+,\)", number)


@pytest.mark.parametrize("name", LOOKING)
def test_no_module_that_looks_asks_for_files_by_itself(name: str) -> None:
    tree = ast.parse((ROOT / name).read_text())
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef) and node.name not in WRITING]
    found = {
        f"{function.name}: {ast.unparse(node.func)}"
        for function in functions
        for node in ast.walk(function)
        if isinstance(node, ast.Call)
        and ast.unparse(node.func) in {"os.path.exists", "os.path.isdir", "os.stat", "os.access", "os.listdir", "open"}
    }
    assert found == set()


def test_what_answers_by_memory_carries_all_that_is_asked(town: Town) -> None:
    wanted = two_endpoints(town)
    apply(town.kernel, wanted)
    memory = remembered(lambda: observed(town.kernel, wanted))
    modules = {f"{module.replace('.', '/')}.py" for module, *_ in memory}
    assert modules <= set(package.BY_MEMORY)


SEND = (
    "import socket, sys; way = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); "
    '[way.sendto(b"x", (sys.argv[1], 9)) for _ in range(9)]'
)
IDLE = {
    "traffic to nobody": f"{sys.executable} -c '{SEND}' 203.0.113.77",
    "traffic to a neighbour": f"ip neigh replace 203.0.113.76 lladdr 02:00:00:00:00:76 dev eth0 nud reachable; "
    f"{sys.executable} -c '{SEND}' 203.0.113.76",
    "one that was found": "ip neigh replace 203.0.113.78 lladdr 02:00:00:00:00:78 dev eth0 nud reachable",
}


@pytest.mark.parametrize("command", IDLE.values(), ids=IDLE.keys())
def test_what_happens_all_the_time_changes_no_answer(town: Town, command: str) -> None:
    wanted = two_endpoints(town)
    apply(town.kernel, wanted)
    memory = remembered(lambda: observed(town.kernel, wanted))
    town.run(command)
    assert same(memory)


CHANGES = {
    "a foreign address": "ip address add 192.0.2.1/24 dev eth0",
    "a device": "ip link add other type veth peer name another",
    "the uplink's MTU": "ip link set eth0 mtu 1400",
    "a route into the range": "ip route add 10.42.2.0/25 dev eth0",
    "a rule": "ip rule add to 10.42.0.0/16 lookup 100 priority 5",
    "a table of others": "nft add table ip filter",
    "forwarding off": "sysctl -qw net.ipv4.ip_forward=0",
    "a permanent neighbour in the range": "ip neigh add 10.42.2.7 lladdr 02:00:00:00:00:07 dev eth0 nud permanent",
}


@pytest.mark.parametrize("command", CHANGES.values(), ids=CHANGES.keys())
def test_what_others_do_is_another_answer(town: Town, command: str) -> None:
    if command.startswith("nft"):
        needs_nftables()
    wanted = two_endpoints(town)
    apply(town.kernel, wanted)
    memory = remembered(lambda: observed(town.kernel, wanted))
    town.run(command)
    assert not same(memory)
