"""WORKSTATION: `netctl policy`: the policy engine asked from the command line. Needs no network and touches nothing."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, Optional

import typer

from cli import ends, exits
from cli.options import Folder, Format
from cli.plain import Command, Group

if TYPE_CHECKING:
    from state.cluster import Cluster

app = typer.Typer(
    cls=Group,
    help="Ask the policy engine about the manifest's policies. Needs no network and touches nothing.",
    no_args_is_help=True,
    rich_markup_mode=None,
)

FROM_TO = "An endpoint (NAMESPACE/NAME, or a name that only one has), a host, or any address."
From = Annotated[str, typer.Option("--from", help=f"Who begins. {FROM_TO}", metavar="END")]
To = Annotated[str, typer.Option("--to", help=f"Who is called. {FROM_TO}", metavar="END")]
Port = Annotated[str, typer.Option("--port", help="The port that is called, with its protocol.", metavar="PORT/PROTO")]
Protocol = Annotated[str, typer.Option("--protocol", help="ICMP, in place of a port.", metavar="ICMP")]
Kind = Annotated[Optional[int], typer.Option("--type", help="The ICMP type; without it an echo request.", metavar="N")]

Endpoint = Annotated[
    str, typer.Option("--endpoint", help="NAMESPACE/NAME, or a name that only one has.", metavar="ENDPOINT")
]
Namespaces = Annotated[
    list[str],
    typer.Option("--namespace", help="Only what begins or ends in this namespace. May be repeated.", metavar="NAME"),
]
Ports = Annotated[
    list[str],
    typer.Option("--port", help="Only this port, with its protocol. May be repeated.", metavar="PORT/PROTO"),
]
Table = Annotated[
    Literal["table", "json", "markdown"],
    typer.Option("--format", help="How to print: for people, programs or pull requests."),
]


@app.command(cls=Command)
def verdict(
    origin: From,
    target: To,
    folder: Folder = Path(),
    port: Port = "",
    protocol: Protocol = "",
    kind: Kind = None,
    output: Format = "text",
) -> int:
    """Judge one flow: who decides, and what it lacks.

    The verdict is the policies', also where an audited endpoint lets through what they deny: that is told beside it.
    Told are the rules of both sides with their lines and, where one denies, the rules that came nearest to allowing it.
    Exits with 0 where it is allowed in every address family that both ends have, and with 5 where it is denied.
    """
    from cli.render import verdict as render
    from state.policy.answers import ask

    cluster = _cluster(folder)
    source, destination = ends.party(cluster, "--from", origin), ends.party(cluster, "--to", target)
    question = render.Question(source.name, destination.name, *ends.port(port, protocol, kind))
    answers = ask(cluster, source, destination, question.protocol, question.port)
    audited = frozenset(key for key, endpoint in cluster.endpoints.items() if endpoint.audit)
    render.show(question, answers, audited, output)
    return exits.FINE if all(answer.verdict.allowed for answer in answers) else exits.DENIED


@app.command(cls=Command)
def matrix(
    folder: Folder = Path(),
    namespace: Namespaces = [],  # noqa: B006  (Typer's own way to say: may be given several times)
    port: Ports = [],  # noqa: B006
    protocol: Protocol = "",
    output: Table = "table",
) -> None:
    """Show who reaches whom, on which ports.

    Endpoints that no rule tells apart are one row and one column. The world is divided by the address blocks that rules
    name. With --port or --protocol ICMP only that is asked about.
    """
    from cli.render import matrix as render
    from state.policy.matrix import matrix as ask
    from state.policy.portset import EVERY_PORT

    cluster = _cluster(folder)
    ends.namespaces(cluster, namespace)
    ports = ends.ports(port, protocol) if port or protocol else EVERY_PORT
    render.show(cluster.name, ask(cluster, namespace, ports), output)


@app.command(cls=Command)
def explain(endpoint: Endpoint, folder: Folder = Path(), output: Format = "text") -> None:
    """Show every rule about one endpoint, and its fate.

    Rules of both directions are told with their lines, and which of them never matter and why: denied, covered by a
    broader one, about nobody. Policies that select no endpoint at all are told, too: one of them may have been meant
    for this one.
    """
    from cli.render import resolved as render
    from state.policy.resolved import resolve

    cluster = _cluster(folder)
    render.show(resolve(cluster, ends.endpoint(cluster, "--endpoint", endpoint)), output)


def _cluster(folder: Path) -> Cluster:
    """The manifest with its numbers. No host is asked, so none needs a key."""
    from cli import manifest

    return manifest.read(folder, lab=True).cluster
