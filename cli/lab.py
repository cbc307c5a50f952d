"""WORKSTATION: `netctl lab`: the manifest's hosts as network namespaces on this machine, and the ways into them."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Annotated, Literal, NoReturn, Optional

import typer

from cli.options import Folder, Format

if TYPE_CHECKING:
    from inventory.lab.record import Lab
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
    print(f"The lab {lab.name} is up. Reach its hosts with --lab; take it down with: netctl lab down {folder}", file=sys.stderr)


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

    labs = [_describe(name, record.read(name)) for name in record.names()]
    if format == "json":
        import json

        print(json.dumps({"format_version": "1.0", "labs": labs}, indent=2))
        return
    for lab in labs:
        print(f"{lab['name']}  {lab['state']}  {lab['folder']}")
        for host in lab["hosts"]:
            print(f"  {host['name']:<20} {host['state']:<4} {' '.join(host['addresses'])}")
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
    _become(entry.command(lab, host, words or ["/bin/bash"], netns), entry.environment())


@app.command(context_settings=COMMAND)
def ssh(folder: Folder, host: Host, words: Words = None) -> None:
    """Log in to a host with OpenSSH, over the lab's network."""
    from inventory.lab import entry, record

    _become(entry.ssh(record.find(folder), host, words or []), dict(os.environ))


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


def _manifest(folder: Folder) -> Manifest:
    from schemas import load

    return load(folder)


def _describe(name: str, lab: Optional[Lab]) -> dict[str, object]:
    if lab is None:
        return {"name": name, "folder": "", "state": "broken", "hosts": []}
    hosts = [
        {"name": host, "state": "up" if lab.init(host) else "off", "addresses": list(machine.addresses)}
        for host, machine in sorted(lab.wiring.hosts.items())
    ]
    return {"name": name, "folder": lab.folder, "state": "up" if lab.anchor() else "dead", "hosts": hosts}


def _become(command: list[str], environment: dict[str, str]) -> NoReturn:
    """Replace this process: standard streams, signals and exit status are then the command's own."""
    sys.stdout.flush()
    sys.stderr.flush()
    os.execve(command[0], command, environment)
