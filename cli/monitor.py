"""WORKSTATION: `netctl monitor`: what the datapath of all hosts decides, as it happens, in the manifest's words."""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum
from pathlib import Path
from typing import Annotated, Optional

import typer

from cli.options import Folder, Format, Hosts, Lab, Labels


class Type(str, Enum):
    """What can be watched: a dropped packet, a decision about a new connection, every packet that passes.

    `audit` are those decisions alone that let through what a policy denies, as its endpoint is audited.
    """

    DROP = "drop"
    VERDICT = "verdict"
    AUDIT = "audit"
    TRACE = "trace"


Types = Annotated[
    list[Type],
    typer.Option("--type", help="What to watch; may be given several times. Without it: drops and verdicts."),
]
Count = Annotated[Optional[int], typer.Option("--count", help="End after so many events.", min=1, metavar="N")]
Timeout = Annotated[
    Optional[float], typer.Option("--timeout", help="End after so many seconds.", min=0, metavar="SECONDS")
]

DEFAULT = (Type.DROP, Type.VERDICT)


def events(kinds: Sequence[Type]) -> list[str]:
    """The types of the datapath's events that are meant: what is let through by audit is a verdict, too."""
    also = (Type.AUDIT,) if Type.VERDICT in kinds else ()
    return list(dict.fromkeys(kind.value for kind in (*kinds, *also)))


def monitor(
    folder: Folder = Path(),
    host: Hosts = [],  # noqa: B006  (Typer's own way to say: may be given several times)
    label: Labels = [],  # noqa: B006
    kinds: Types = [],  # noqa: B006
    output: Format = "text",
    count: Count = None,
    timeout: Timeout = None,
    lab: Lab = False,
) -> int:
    """Watch drops and verdicts of all hosts, merged by time.

    A verdict about an audited endpoint that would be a drop reads AUDIT; --type audit shows these alone.
    Every line has the names and labels of both ends, the reason, and the line of the manifest that decided. Ends with
    Ctrl-C. With --format json: one JSON object per line.
    """
    import sys

    from cli import workflow
    from cli.connect import connect
    from cli.explain import Explainer
    from cli.render import problems, sightings
    from cli.render.words import Words
    from cli.watch import Watch

    cluster, _ = workflow.validate(folder, lab)
    explain, words = Explainer(cluster), Words((), cluster)
    with connect(folder, cluster, host, label, lab) as fleet:
        watch = Watch(fleet, fleet.hosts, events(kinds or DEFAULT), problems.show)
        watch.start()
        problems.show(watch.problems)
        print(f"Listening on {', '.join(watch.listening)}.", file=sys.stderr, flush=True)
        for sighting in watch.sightings(count, timeout):
            print(sightings.text(sighting, explain, words, output), flush=True)
    return watch.exit_code
