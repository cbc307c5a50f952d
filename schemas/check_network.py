"""DATA: what is written about the network between hosts, and means nothing there."""

from __future__ import annotations

from schemas.report import Report
from schemas.sections import Sections
from state.manifest import Manifest

OF_TUNNELS = ("encapsulation", "port")


def check(sections: Sections, manifest: Manifest, report: Report) -> None:
    """Warn of what only tunnels have, where there are none. It may stand there: the mode is one word to change."""
    if sections.network is None or manifest.network.mode != "native":
        return
    for name in OF_TUNNELS:
        node = sections.network.fields.get(name)
        if node is not None:
            report.warning(
                node.place,
                f"network.{name} means nothing in native mode",
                "Native routing has no tunnels. It counts again with `mode: overlay`.",
                f"network.{name}",
            )
