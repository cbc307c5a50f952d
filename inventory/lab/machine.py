"""WORKSTATION: boots machines, as a process of its own with the standard library alone: `python -I -S machine.py`.

Standard input is a JSON order: {cgroup, disks, anchor, machines: [{name, cgroup, device, mac, network, sysctls, files,
hidden, init, ignoreChildren}]}; standard output the answer: {machines: {name: problem or empty text}}.

The anchor is the lab's first process: number 1 of a process namespace that holds all machines, so that all end with it.
Its mount namespace holds the machines' disks (a tmpfs), its network namespace the switch they are plugged into. Every
machine has its own mount, process, network, UTS, IPC and cgroup namespaces. Its root is an overlay over this machine's
root file system, so that it finds the same programs, writes wherever it likes, and changes nothing here.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import shutil
import signal
import socket
import stat
import struct
import subprocess
import sys
import uuid
from collections.abc import Generator, Mapping
from pathlib import Path
from typing import Any, NoReturn

NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWPID, NEWNET = 0x20000, 0x2000000, 0x4000000, 0x8000000, 0x20000000, 0x40000000
NOSUID, NODEV, NOEXEC, RDONLY, REMOUNT, BIND, REC, PRIVATE, SLAVE = 2, 4, 8, 1, 32, 4096, 16384, 1 << 18, 1 << 19
DETACH = 2
OWN = ("/proc", "/sys", "/dev", "/run", "/tmp", "/root")
"""Where a machine has something of its own instead of what is mounted there on this machine."""

LIBC = ctypes.CDLL(None, use_errno=True)
LIBC.mount.argtypes = (ctypes.c_char_p, ctypes.c_char_p, ctypes.c_char_p, ctypes.c_ulong, ctypes.c_char_p)

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def main() -> None:
    """Read the order, make the anchor if there is none, boot the machines, plug them in, and answer."""
    order = json.load(sys.stdin)
    os.chdir("/")
    _join(order["cgroup"])
    if order["anchor"]:
        pidfd = os.pidfd_open(order["anchor"])
        _check(LIBC.setns(pidfd, NEWPID | NEWNS | NEWNET), "enter the lab")
    else:
        _start_anchor(order["disks"])
    born = {machine["name"]: _conceive(machine, order["disks"]) for machine in order["machines"]}
    problems = {name: _birth(line) for name, (line, _) in born.items()}
    alive = [machine for machine in order["machines"] if isinstance(problems[machine["name"]], int)]
    _plug(alive, problems)
    for machine in alive:
        born[machine["name"]][0].send(b"!")
    for machine in alive:
        problems[machine["name"]] = _last_words(born[machine["name"]][0])
    for _, child in born.values():
        os.waitpid(child, 0)
    json.dump({"machines": problems}, sys.stdout)


def _start_anchor(disks: str) -> None:
    """Make the lab's own namespaces, the switch in them, and the process that holds them."""
    _check(LIBC.unshare(NEWPID | NEWNS | NEWNET | NEWUTS | NEWIPC), "make namespaces")
    mount("", "/", "", SLAVE | REC)
    mount("tmpfs", disks, "tmpfs", NOSUID | NODEV, "mode=0700")
    if os.fork() == 0:
        signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # survives exec: orphans that come to us vanish when they end
        os.setsid()
        _silence()
        os.execv("/bin/sleep", [f"netctl-lab {Path(disks).name}", "infinity"])
    with contextlib.suppress(FileNotFoundError):
        write("/proc/sys/net/ipv6/conf/default/disable_ipv6", "1")
    _ip("link add switch type bridge stp_state 0 forward_delay 0 mcast_snooping 0\nlink set switch up\n")


def _conceive(machine: Mapping[str, Any], disks: str) -> tuple[socket.socket, int]:
    """Fork the machine's future init. Its line to us carries: born, then plugged in, then its last words or nothing."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    ours.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
    child = os.fork()
    if child:
        theirs.close()
        return ours, child
    ours.close()
    with _reporting(theirs):
        _join(machine["cgroup"])
        _check(LIBC.unshare(NEWNS | NEWNET | NEWUTS | NEWIPC | NEWPID | NEWCGROUP), "make namespaces")
        if os.fork() == 0:
            _live(machine, f"{disks}/{machine['name']}", theirs)
    os._exit(0)


def _live(machine: Mapping[str, Any], disk: str, line: socket.socket) -> NoReturn:
    with _reporting(line):
        line.send(b"born")
        os.setsid()
        os.umask(0o022)
        _check(LIBC.sethostname(machine["name"].encode(), len(machine["name"])), "set the host name")
        _make_root(machine, disk)
        if line.recv(1):  # nothing: whoever boots us has died
            for family, commands in machine["network"]:
                _ip(commands, *family.split())
            for name, value in machine["sysctls"].items():
                with contextlib.suppress(FileNotFoundError):
                    write(f"/proc/sys/{name}", value)
            if machine["ignoreChildren"]:
                signal.signal(signal.SIGCHLD, signal.SIG_IGN)
            _silence()
            os.execve(machine["init"][0], machine["init"], {"PATH": PATH, "LANG": "C.UTF-8", "HOME": "/root"})
    os._exit(1)


def _birth(line: socket.socket) -> Any:
    """The process id, as we see it, of the init at the other end; or what went wrong with it, as a text."""
    message, ancillary, _, _ = line.recvmsg(4096, socket.CMSG_SPACE(12))
    if message != b"born":
        return message.decode() or "it ended before it had begun"
    process: int = struct.unpack("iII", ancillary[0][2][:12])[0]
    return process


def _last_words(line: socket.socket) -> str:
    """What the init complained of; nothing if it became what it was to be, which closes the line."""
    with contextlib.suppress(ConnectionResetError):
        return line.recv(4096).decode()
    return "it ended early"


def _plug(machines: list[Mapping[str, Any]], processes: Mapping[str, Any]) -> None:
    """A cable from each machine to the switch, all in one go."""
    lines: list[str] = []
    for machine in machines:
        process = processes[machine["name"]]
        port, peer = f"p{process}", f"{machine['device']} address {machine['mac']}"
        lines.append(f"link add {port} type veth peer name {peer} netns /proc/{process}/ns/net")
        lines.append(f"link set {port} master switch up")
    _ip("".join(line + "\n" for line in lines))


def _make_root(machine: Mapping[str, Any], disk: str) -> None:
    """Build the machine's root file system and move into it."""
    mount("", "/", "", PRIVATE | REC)
    new = f"{disk}/root"
    if not Path(disk).is_dir():
        _format(disk, machine)
    _folder(new)
    _overlay("/", new, f"{disk}/root-layers")
    for point in (point for point in _mount_points() if point not in machine["files"]):
        _carry_over(point, new + point, f"{disk}/layers/{point[1:].replace('/', '-')}")
    mount("proc", f"{new}/proc", "proc", NOSUID | NODEV | NOEXEC)
    Path(disk, "boot_id").write_text(f"{uuid.uuid4()}\n")
    mount(f"{disk}/boot_id", f"{new}/proc/sys/kernel/random/boot_id", "", BIND)
    _mount_sys(f"{new}/sys")
    _mount_dev(f"{new}/dev")
    mount("tmpfs", f"{new}/run", "tmpfs", NOSUID | NODEV, "mode=0755")
    for folder in ("run/sshd", "run/lock"):
        _folder(f"{new}/{folder}")
    mount("tmpfs", f"{new}/tmp", "tmpfs", NOSUID | NODEV, "mode=1777")
    mount(f"{disk}/home", f"{new}/root", "", BIND)
    os.chdir(new)
    _check(LIBC.pivot_root(b".", b"."), "change the root")
    _check(LIBC.umount2(b".", DETACH), "leave the old root")
    os.chdir("/")


def _format(disk: str, machine: Mapping[str, Any]) -> None:
    """A new disk: the files that make this machine differ from ours. It is there whole, or not at all."""
    fresh = f"{disk}.new"
    shutil.rmtree(fresh, ignore_errors=True)
    upper = _folder(f"{fresh}/root-layers/upper")
    home = _folder(f"{fresh}/home")
    home.chmod(0o700)
    for name, (mode, text) in machine["files"].items():
        path = home / name[len("/root/") :] if name.startswith("/root/") else upper / name[1:]
        _folder(path.parent)
        path.touch(mode)
        path.write_text(text)
    for name in machine["hidden"]:
        if Path(name).exists():
            path = upper / name[1:]
            _folder(path.parent)
            os.mknod(path, stat.S_IFCHR, 0)  # a whiteout: what is there on our disk is not on this one
    Path(fresh).rename(disk)


def _mount_points() -> list[str]:
    """Where else something is mounted on this machine, outermost first, but for what the new one has of its own."""
    points: list[str] = []
    with open("/proc/self/mountinfo") as mounts:
        for line in mounts:
            point = line.split()[4].encode().decode("unicode_escape")
            if point != "/" and not any(point == own or point.startswith(own + "/") for own in OWN):
                points.append(point)
    return sorted(set(points))


def _carry_over(point: str, target: str, layers: str) -> None:
    """Show a file system of this machine to the new one: with a layer of its own above it, or read-only."""
    if Path(point).is_dir():
        with contextlib.suppress(OSError):
            _overlay(point, target, layers)
            return
    with contextlib.suppress(OSError):  # what is unreachable for us stays unreachable
        mount(point, target, "", BIND)
        mount("", target, "", REMOUNT | BIND | RDONLY)


def _overlay(lower: str, target: str, layers: str) -> None:
    for folder in ("upper", "work"):
        _folder(f"{layers}/{folder}")
    if lower != "/":
        shutil.copystat(lower, f"{layers}/upper")
    options = f"lowerdir={lower},upperdir={layers}/upper,workdir={layers}/work,index=off"
    mount("overlay", target, "overlay", 0, options)


def _mount_sys(target: str) -> None:
    mount("sysfs", target, "sysfs", NOSUID | NODEV | NOEXEC)
    mount("cgroup2", f"{target}/fs/cgroup", "cgroup2", NOSUID | NODEV | NOEXEC)
    mount("bpf", f"{target}/fs/bpf", "bpf", NOSUID | NODEV | NOEXEC, "mode=700")
    for name, folder in (("tracefs", "kernel/tracing"), ("securityfs", "kernel/security")):
        with contextlib.suppress(OSError):  # a kernel without it has no place for it
            mount(name, f"{target}/{folder}", name, NOSUID | NODEV | NOEXEC)


def _mount_dev(target: str) -> None:
    mount("tmpfs", target, "tmpfs", NOSUID, "mode=0755")
    numbers = {"null": (1, 3), "zero": (1, 5), "full": (1, 7), "random": (1, 8), "urandom": (1, 9), "tty": (5, 0)}
    os.umask(0)
    for name, (major, minor) in {**numbers, "net/tun": (10, 200), "kmsg": (1, 11)}.items():
        _folder(Path(target, name).parent)
        os.mknod(f"{target}/{name}", stat.S_IFCHR | 0o666, os.makedev(major, minor))
    os.umask(0o022)
    for folder, kind, options in (("pts", "devpts", "newinstance,ptmxmode=0666,mode=620,gid=5"), ("shm", "tmpfs", "")):
        _folder(f"{target}/{folder}")
        mount(kind, f"{target}/{folder}", kind, NOSUID | NOEXEC, options)
    links = {"ptmx": "pts/ptmx", "fd": "/proc/self/fd", "stdin": "/proc/self/fd/0", "stdout": "/proc/self/fd/1"}
    for name, destination in {**links, "stderr": "/proc/self/fd/2"}.items():
        Path(target, name).symlink_to(destination)


def mount(source: str, target: str, kind: str, flags: int = 0, options: str = "") -> None:
    """mount(2); the error names the target."""
    result = LIBC.mount(source.encode(), target.encode(), kind.encode(), flags, options.encode())
    _check(result, f"mount {kind or source} on {target}")


def write(path: str, text: str) -> None:
    """Write to a file that is there: one of those the kernel keeps."""
    with open(path, "r+") as file:
        file.write(text)


def _folder(path: str | Path) -> Path:
    """The folder at that path, made if it is missing, with those above it."""
    Path(path).mkdir(parents=True, exist_ok=True)
    return Path(path)


def _join(cgroup: str) -> None:
    _folder(cgroup)
    write(f"{cgroup}/cgroup.procs", "0")


def _ip(commands: str, *options: str) -> None:
    done = subprocess.run(["ip", *options, "-batch", "-"], input=commands, text=True, capture_output=True, check=False)
    if done.returncode:
        raise OSError(0, f"ip: {(done.stdout + done.stderr).strip()}")


def _silence() -> None:
    null = os.open(os.devnull, os.O_RDWR)
    for number in (0, 1, 2):
        os.dup2(null, number)


def _check(result: int, what: str) -> None:
    if result:
        number = ctypes.get_errno()
        raise OSError(number, f"cannot {what}: {os.strerror(number)}")


@contextlib.contextmanager
def _reporting(line: socket.socket) -> Generator[None]:
    """What the kernel refuses inside is said through the line, and ends the process."""
    try:
        yield
    except OSError as error:
        with contextlib.suppress(OSError):
            line.send((error.strerror or str(error)).encode()[:4000])
        os._exit(1)


if __name__ == "__main__":
    main()
