"""BOTH SIDES: whether netctl's devices are up. They come up when programs are attached and maps filled."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from state import naming
from state.change import Action, Change, Found, Wanted
from state.cluster import Cluster
from state.facts import Facts, Scope
from state.kernel import Kernel, Link, Settings
from state.kinds.kind import Kind
from state.placement import placed


@dataclass(frozen=True)
class LinkState:
    """Up, or not; a veth is up when both ends are. `netns` is the namespace of its other end."""

    up: bool
    netns: str = ""


class Links(Kind[LinkState]):
    """Devices up and down."""

    name = "link"
    value = LinkState

    def desired(self, cluster: Cluster, host: str, facts: Facts) -> Mapping[str, Wanted[LinkState]]:
        """Every device of netctl's is up."""
        wanted = {
            naming.device(endpoint): Wanted(LinkState(True, endpoint.netns), endpoint.source)
            for endpoint in placed(cluster, host, facts)
        }
        if cluster.network.mode == "overlay":
            wanted[naming.OVERLAY] = Wanted(LinkState(True), cluster.hosts[host].source)
        return wanted

    def observe(self, kernel: Kernel, scope: Scope) -> Mapping[str, Found[LinkState]]:
        """Every marked device."""
        return {
            link.name: Found(LinkState(_is_up(kernel, link), link.peer_netns or ""))
            for link in kernel.net.links()
            if any(map(naming.is_mark, link.marks))
        }

    def apply(self, kernel: Kernel, changes: Sequence[Change]) -> None:
        """Set devices up, or down on their way out."""
        present = {link.name for link in kernel.net.links()}
        for change in changes:
            if change.action is Action.DELETE:
                if change.address in present:
                    kernel.net.configure(change.address, Settings(up=False))
            elif isinstance(change.after, LinkState):
                wanted = change.after
                if wanted.netns:
                    kernel.net.configure(naming.ENDPOINT_DEVICE, Settings(up=wanted.up), wanted.netns)
                kernel.net.configure(change.address, Settings(up=wanted.up))

    def rests_on(self, address: str, value: LinkState) -> tuple[tuple[str, str], ...]:
        """The device."""
        return (("device", address),)


def _is_up(kernel: Kernel, link: Link) -> bool:
    if not link.peer_netns:
        return link.up
    ends = [end for end in kernel.net.links(link.peer_netns) if end.index == link.peer_index]
    return link.up and all(end.up for end in ends)
