"""WORKSTATION: `netctl lab`: the manifest's hosts as network namespaces on this machine, and the ways into them."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, NoReturn, Optional, Union

import typer

from cli.options import Folder, Format

if TYPE_CHECKING:
    from inventory.lab.record import Lab
    from state.cluster import Cluster
    from state.manifest import Manifest

app = typer.Typer(
    help="Run the manifest's hosts as network namespaces on this machine, each with its own sshd. Needs root.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

COMMAND = {"ignore_unknown_options": True, "allow_interspersed_args": False}

Host = Annotated[str, typer.Argument(help="A host's name.", metavar="HOST")]
Words = Annotated[Optional[list[str]], typer.Argument(help="A command and its arguments.", metavar="[-- COMMAND]")]


@app.command()
def up(folder: Folder) -> None:
    """Boot the hosts that are not up yet."""
    from inventory.lab import power

    lab, booted = power.up(folder, _manifest(folder))
    for name, machine in sorted(lab.wiring.hosts.items()):
        print(f"{name:<20} {machine.ssh_address:<24} {'booted' if name in booted else 'was up already'}")
    print(f"The lab {lab.name} is up. Use it with --lab; end it with: netctl lab down {folder}", file=sys.stderr)


@app.command()
def down(
    folder: Annotated[str, typer.Argument(help="A manifest's folder, or a lab's name as `lab list` shows it.")],
) -> None:
    """Remove a lab, whatever is left of it. Nothing remains."""
    from inventory.lab import power

    removed = power.down(folder)
    for name in removed:
        print(f"removed {name}")
    if not removed:
        print(f"No lab of {folder} is up.", file=sys.stderr)


@app.command("list")
def list_(format: Format = "text") -> None:
    """Show the labs on this machine, their hosts, and what runs."""
    from inventory.lab import record

    labs = {name: record.read(name) for name in record.names()}
    if format == "json":
        import json

        print(json.dumps({"format_version": "1.0", "labs": [_describe(*item) for item in labs.items()]}, indent=2))
        return
    for name, lab in labs.items():
        print(f"{name}  {_state(lab)}  {lab.folder if lab else ''}".rstrip())
        for host, machine in sorted(lab.wiring.hosts.items()) if lab else ():
            print(f"  {host:<20} {_power(lab, host):<4} {' '.join(machine.addresses)}")
    if not labs:
        print("No labs are up.", file=sys.stderr)


@app.command("exec", context_settings=COMMAND)
def exec_(
    folder: Folder,
    place: Annotated[str, typer.Argument(help="A host, NAMESPACE/ENDPOINT, or `world`.", metavar="PLACE")],
    words: Words = None,
) -> None:
    """Run a command on a host, in an endpoint's network namespace, or in the world outside; a shell without one."""
    from inventory.lab import entry, record

    lab = record.find(folder)
    host, netns = entry.endpoint(_manifest(folder), place) if "/" in place else (place, "")
    _become(entry.command(lab, host, _command(words) or ["/bin/bash"], netns), entry.environment())


@app.command(context_settings=COMMAND)
def ssh(folder: Folder, host: Host, words: Words = None) -> None:
    """Log in to a host with OpenSSH, over the lab's network."""
    from inventory.lab import entry, record

    _become(entry.ssh(record.find(folder), host, _command(words)), dict(os.environ))


@app.command()
def power(
    folder: Folder,
    host: Host,
    action: Annotated[Literal["off", "on", "reboot"], typer.Argument(help="What to do.", metavar="off|on|reboot")],
) -> None:
    """Pull a host's plug, or boot it again: its disk, keys and addresses remain."""
    from inventory.lab import power as switch

    {"off": switch.off, "on": switch.on, "reboot": switch.reboot}[action](folder, host)
    print(f"{host} is {'off' if action == 'off' else 'up'}")


def _manifest(folder: Path) -> Union[Manifest, Cluster]:
    """The manifest, with its numbers where the lock file fits: the lab can do without, and without host keys."""
    from schemas.loader import load, load_cluster
    from state.problem import ManifestError

    try:
        return load_cluster(folder, require_host_keys=False)[0]
    except ManifestError:
        return load(folder, require_host_keys=False)[0]


def _describe(name: str, lab: Optional[Lab]) -> dict[str, object]:
    hosts = [
        {"name": host, "state": _power(lab, host), "addresses": list(machine.addresses)}
        for host, machine in (sorted(lab.wiring.hosts.items()) if lab else ())
    ]
    return {"name": name, "folder": lab.folder if lab else "", "state": _state(lab), "hosts": hosts}


def _state(lab: Optional[Lab]) -> str:
    """`up`; `dead` where it was killed; `broken` where not even its record is left. `lab down` removes them all."""
    if lab is None:
        return "broken"
    return "up" if lab.anchor() else "dead"


def _power(lab: Optional[Lab], host: str) -> str:
    return "up" if lab and lab.init(host) else "off"


def _command(words: Optional[list[str]]) -> list[str]:
    """The command as typed, without the `--` in front of it."""
    return words[1:] if words and words[0] == "--" else words or []


def _become(command: list[str], environment: dict[str, str]) -> NoReturn:
    """Replace this process: standard streams, signals and exit status are then the command's own."""
    sys.stdout.flush()
    sys.stderr.flush()
    os.execve(command[0], command, environment)
