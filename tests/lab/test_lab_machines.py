"""Machines of the lab: what a host finds on itself, how it is reached, what its plug does. Needs root."""

from __future__ import annotations

import base64
import os
import signal
from pathlib import Path

import paramiko
import pytest

from inventory.lab import cgroup, down, off, on, power, reach, reboot, record, run, up
from inventory.target import Target
from state.problem import NetctlError, UsageError
from tests.lab.towns import host, manifest, street

ON_A_MACHINE = {
    "uname -n": "h1",
    "cat /etc/hostname": "h1",
    "cat /proc/1/comm": "sshd",
    "cat /proc/self/cgroup | grep ^0:": "0::/",
    "stat -f -c %T /sys/fs/bpf /sys/fs/cgroup": "bpf_fs\ncgroup2fs",
    "ls /sys/class/net": "eth0\nlo",
    "ls -A /root": ".ssh",
    "ls -A /run/netns /sys/fs/bpf /tmp 2>/dev/null | grep -v -e : -e 'debug$'": "",
    "ls -d /etc/netctl /var/lib/netctl 2>/dev/null": "",
    "cat /proc/sys/net/ipv4/ip_forward": "0",
    "cat /proc/sys/net/ipv6/conf/eth0/accept_ra": "1",
    "command -v python3": "/usr/bin/python3",
    "ip -br -4 address show eth0 | tr -s ' '": "eth0@if3 UP 203.0.113.1/24",
    "ip netns add guest && ip netns": "guest",
    "echo $PATH $HOME $LANG": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin /root C.UTF-8",
    "getent hosts 203.0.113.2 | tr -s ' '": "203.0.113.2 h2",
}

TALK = """
import socket, sys
with socket.create_connection((sys.argv[1], int(sys.argv[2])), 10) as line: print(line.recv(8).decode())
"""


def log_in(target: Target) -> paramiko.SSHClient:
    """A connection to a host that shows the key the lab says it has, and no other."""
    client = paramiko.SSHClient()
    kind, _, key = target.host_key.partition(" ")
    entry = paramiko.Ed25519Key(data=base64.b64decode(key))
    name = target.address if target.port == 22 else f"[{target.address}]:{target.port}"
    client.get_host_keys().add(name, kind, entry)
    assert target.connect is not None
    client.connect(
        target.address,
        target.port,
        target.user,
        key_filename=str(target.identity_file),
        sock=target.connect(10),
        allow_agent=False,
        look_for_keys=False,
    )
    return client


def say(client: paramiko.SSHClient, command: str) -> str:
    """What a command prints."""
    return client.exec_command(command, timeout=20)[1].read().decode().strip()


def boot_id(folder: Path, name: str) -> str:
    """The number of this boot."""
    return run(folder, name, ["cat", "/proc/sys/kernel/random/boot_id"]).stdout


def test_a_host_looks_like_a_machine_of_its_own_over_ssh(folder: Path) -> None:
    up(folder, street(3))
    with log_in(reach(folder)["h1"]) as client:
        assert {command: say(client, command) for command in ON_A_MACHINE} == ON_A_MACHINE


def test_hosts_and_world_reach_each_other_over_both_families(folder: Path) -> None:
    wiring = up(folder, manifest(host("h1", "203.0.113.1"), host("h2", "h2.example.net", port=2222)))[0].wiring
    addresses = [text.partition("/")[0] for text in wiring.hosts["h2"].addresses]
    assert len(addresses) == 2
    for place in ("h1", "world"):
        for address in addresses:
            heard = run(folder, place, ["/usr/bin/python3", "-c", TALK, address, "2222"])
            assert (heard.stdout.strip(), heard.stderr) == ("SSH-2.0-", "")


def test_the_world_has_the_asserted_addresses_and_no_way_to_the_endpoints(folder: Path) -> None:
    up(folder, street(1))
    assert "203.0.113.200/32" in run(folder, "world", ["ip", "-br", "address", "show", "eth0"]).stdout
    assert run(folder, "world", ["ip", "route", "get", "10.42.1.2"]).returncode == 2
    assert "203.0.113.200" in run(folder, "h1", ["ip", "route", "get", "203.0.113.200"]).stdout


def test_booting_twice_boots_once(folder: Path) -> None:
    assert up(folder, street(2))[1] == {"h1", "h2"}
    before = boot_id(folder, "h1")
    assert up(folder, street(2))[1] == set()
    assert up(folder, street(3))[1] == {"h3"}
    assert boot_id(folder, "h1") == before


def test_the_lab_follows_the_manifest(folder: Path) -> None:
    up(folder, street(3))
    moved = manifest(host("h1", "203.0.113.1"), host("h2", "203.0.113.22"))
    assert up(folder, moved)[1] == {"h2"}
    assert set(reach(folder)) == {"h1", "h2"}
    with log_in(reach(folder)["h2"]) as client:
        assert "203.0.113.22/24" in say(client, "ip -br address show eth0")


def test_a_power_cycle_keeps_keys_and_disk_and_nothing_else(folder: Path) -> None:
    up(folder, street(2))
    first, before = reach(folder)["h1"], boot_id(folder, "h1")
    with log_in(first) as client:
        say(client, "mkdir -p /etc/netctl /var/lib/netctl; echo kept | tee /etc/netctl/a /var/lib/netctl/b")
        say(client, "ip netns add guest; ip link add a type veth; sysctl -w net.ipv4.ip_forward=1; touch /run/x /tmp/x")
        off(folder, "h1")
        assert first.connect is not None
        with pytest.raises(OSError, match=r"route|timed out"):
            first.connect(2)
        with pytest.raises(NetctlError, match="h1 is off"):
            run(folder, "h1", ["true"])
        on(folder, "h1")
    second = reach(folder)["h1"]
    assert (second.host_key, second.address) == (first.host_key, first.address)
    with log_in(second) as client:
        assert say(client, "cat /etc/netctl/a /var/lib/netctl/b") == "kept\nkept"
        assert say(client, "ls /run/netns /run/x /tmp/x 2>/dev/null; ls /sys/class/net") == "eth0\nlo"
        assert say(client, "cat /proc/sys/net/ipv4/ip_forward") == "0"
    assert boot_id(folder, "h1") != before


def test_reboot_takes_pins_and_processes_with_it(folder: Path) -> None:
    up(folder, street(1))
    run(
        folder,
        "h1",
        ["sh", "-c", "mkdir /sys/fs/bpf/pins /sys/fs/cgroup/job; setsid sleep 600 >/dev/null 2>&1 &"],
    )
    group = cgroup.of_machine(record.find(folder).name, "h1")
    before = cgroup.processes(group)
    reboot(folder, "h1")
    assert not set(before) & set(cgroup.processes(group))
    assert run(folder, "h1", ["ls", "-d", "/sys/fs/bpf/pins"]).returncode == 2
    assert run(folder, "h1", ["ls", "-d", "/sys/fs/cgroup/job"]).returncode == 2


def test_two_labs_of_one_manifest_do_not_meet(tmp_path: Path) -> None:
    folders = [tmp_path / "one", tmp_path / "two"]
    try:
        for place in folders:
            place.mkdir()
            up(place, street(2))
        for place in folders:
            run(place, "h1", ["tee", "/etc/mark"], stdin=place.name)
        keys = {reach(place)["h1"].host_key for place in folders}
        assert len(keys) == 2
        for place in folders:
            with log_in(reach(place)["h1"]) as client:
                assert say(client, "cat /etc/mark") == place.name
        down(folders[0])
        with log_in(reach(folders[1])["h1"]) as client:
            assert say(client, "cat /etc/mark") == "two"
    finally:
        for place in folders:
            down(place)


def test_a_lab_that_was_killed_is_removed_or_booted_again(folder: Path) -> None:
    lab, _ = up(folder, street(2))
    os.kill(lab.anchor(), signal.SIGKILL)
    cgroup.wait_until_empty(cgroup.of_lab(lab.name))
    with pytest.raises(NetctlError, match="not up"):
        reach(folder)
    assert up(folder, street(2))[1] == {"h1", "h2"}
    os.kill(lab.anchor(), signal.SIGKILL)
    assert down(folder) == [lab.name]
    assert not cgroup.of_lab(lab.name).exists()
    assert not lab.home.exists()


def test_what_a_crash_left_without_a_record_is_removed(folder: Path) -> None:
    lab, _ = up(folder, street(1))
    (lab.home / "lab.json").unlink()
    with pytest.raises(NetctlError, match="not up"):
        record.find(folder)
    assert record.named(str(folder)) == [lab.name]
    assert down(lab.name) == [lab.name]
    assert lab.name not in record.names()
    assert down(folder) == []


def test_forty_hosts_boot_and_answer(folder: Path) -> None:
    assert len(up(folder, street(40))[1]) == 40
    for target in reach(folder).values():
        assert target.connect is not None
        with target.connect(10) as line:
            assert line.recv(8) == b"SSH-2.0-"


def test_a_host_may_not_be_called_as_the_world_is(folder: Path) -> None:
    with pytest.raises(UsageError, match="a host named world cannot be in a lab"):
        up(folder, manifest(host("world", "203.0.113.1")))


def test_without_root_the_lab_says_so(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setattr("inventory.lab.software.PATH", "/nowhere")
    with pytest.raises(NetctlError) as caught:
        up(folder, street(1))
    assert [problem.summary for problem in caught.value.problems] == [
        "the lab needs root",
        "sshd is missing",
        "ip is missing",
        "nsenter is missing",
    ]


def test_a_host_that_does_not_boot_is_named_with_the_reason(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(power, "SSHD", "/usr/sbin/no-such-program")
    with pytest.raises(NetctlError) as caught:
        up(folder, street(1))
    problem = caught.value.problems[0]
    assert problem.summary == "h1 does not boot"
    assert problem.detail.startswith("No such file or directory.\nThe lab needs Linux 6.1 or newer")


def test_a_host_whose_sshd_does_not_start_says_what_sshd_said(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("inventory.lab.software.SSHD_CONFIG", "NoSuchOption yes\n")
    with pytest.raises(NetctlError) as caught:
        up(folder, street(1))
    problem = caught.value.problems[0]
    assert problem.summary == "the sshd of h1 does not listen"
    assert "Bad configuration option: NoSuchOption" in problem.detail


def test_what_the_kernel_refuses_is_said(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def unusable(_: object) -> list[tuple[str, str]]:
        return [("", "link set nothing up\n")]

    monkeypatch.setattr(power, "network", unusable)
    with pytest.raises(NetctlError) as caught:
        up(folder, street(2))
    assert [problem.summary for problem in caught.value.problems] == [
        f"{name} does not boot" for name in ("h1", "h2", "world")
    ]
    assert 'Cannot find device "nothing"' in caught.value.problems[0].detail
    monkeypatch.undo()
    assert up(folder, street(2))[1] == {"h1", "h2"}


def test_a_lab_whose_boot_was_cut_short_goes_on_from_there(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script = power.SCRIPT.read_text()
    cut = script.replace("    _plug(alive, problems)\n", "    os.kill(os.getpid(), signal.SIGKILL)\n")
    assert cut != script
    (folder / "cut.py").write_text(cut)
    monkeypatch.setattr(power, "SCRIPT", folder / "cut.py")
    with pytest.raises(NetctlError, match="the lab does not start"):
        up(folder, street(2))
    lab = record.find(folder)
    assert lab.anchor()
    monkeypatch.undo()
    assert up(folder, street(2))[1] == {"h1", "h2"}
