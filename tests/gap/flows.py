"""The flows between the endpoints of the fleet and with the world, and what policy says of each."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from ipaddress import ip_address

from inventory.lab.record import Lab
from inventory.lab.wiring import WORLD
from state import naming
from state.cluster import Cluster
from state.policy import parties
from state.policy.engine import decide
from tests.gap.story import FENCES, HOME
from tests.gap.story import WORLD as OUTSIDE
from tests.gap.stream import EITHER, FENCE, MUST, NEVER, Door, Flow

FRESH = 1000
"""How many source ports a flow of fresh connections cycles through."""

PAIRS = (
    ("web-1", "db-1"),
    ("db-1", "web-1"),
    ("aux-2", "db-2"),
    ("db-2", "aux-2"),
    ("web-1", "db-2"),
    ("db-2", "web-1"),
    ("aux-1", "web-2"),
    ("web-2", "aux-1"),
)
SHAPES = (("UDP", 4, 1, 0), ("UDP", 6, FRESH, 1), ("TCP", 6, 1, 2), ("TCP", 4, FRESH, 3))
"""Protocol, family, source ports, and what the number of the flow's port depends on."""

FROM_WORLD = (
    ("203.0.113.200", "web-1", "TCP", 7001),
    ("203.0.113.250", "web-1", "UDP", 7002),
    ("2001:db8:fa::20", "db-2", "TCP", 7001),
    ("198.51.100.20", "db-2", "UDP", 7003),
)
TO_WORLD = (("web-1", "203.0.113.200", 7001), ("web-2", "198.51.100.20", 7002))


def flows(cluster: Cluster, lab: Lab) -> list[Flow]:
    """All of them; the fences last."""
    return [*_between(cluster), *_world(cluster, lab), *_fences(cluster, lab)]


def _between(cluster: Cluster) -> Iterator[Flow]:
    for number, (origin, target) in enumerate(PAIRS):
        where = "on one host" if HOME[origin] == HOME[target] else "across hosts"
        for protocol, family, ports, shift in SHAPES:
            source, destination = (_address(cluster, f"shop/{name}", family) for name in (origin, target))
            kind = "fresh" if ports > 1 else "lasting"
            name = f"{origin} to {target} {where}, {kind} {protocol}, IPv{family}"
            first, port = 20000 if ports == 1 else 30000, 7001 + (number + shift) % 3
            yield Flow(name, origin, target, protocol, source, destination, first, port, ports)


def _world(cluster: Cluster, lab: Lab) -> Iterator[Flow]:
    for address, target, protocol, port in FROM_WORLD:
        destination = _address(cluster, f"shop/{target}", ip_address(address).version)
        name, hop = f"{address} to {target}, {protocol}", lab.wiring.hosts[HOME[target]].mac
        yield Flow(name, WORLD, target, protocol, address, destination, 20000, port, next_hop=hop)
    for origin, address, port in TO_WORLD:
        # UDP alone: what is masqueraded passes the kernel's own connection tracking, which has views on TCP
        source = _address(cluster, f"shop/{origin}", 4)
        yield Flow(f"{origin} to {address}, UDP", origin, WORLD, "UDP", source, address, 20000, port)


def _fences(cluster: Cluster, lab: Lab) -> Iterator[Flow]:
    for origin, target in (("fence-1", "fence-2"), ("fence-2", "fence-1")):
        source, destination = (_address(cluster, f"fence/{name}", 4) for name in (origin, target))
        yield Flow(f"{origin} to {target}", origin, target, "UDP", source, destination, 20000, 7)
    for target, host in FENCES.items():
        destination, hop = _address(cluster, f"fence/{target}", 4), lab.wiring.hosts[host].mac
        yield Flow(f"world to {target}", WORLD, target, "UDP", OUTSIDE[0], destination, 20000, 7, next_hop=hop)


def _address(cluster: Cluster, key: str, family: int) -> str:
    endpoint = cluster.endpoints[key]
    return str(endpoint.ipv4 if family == 4 else endpoint.ipv6)


def doors(cluster: Cluster, lab: Lab) -> dict[str, Door]:
    """Every endpoint's device, and the world's."""
    world = lab.wiring.world
    found = {WORLD: Door(f"/proc/{lab.world()}/ns/net", world.device, world.mac, "")}
    for endpoint in cluster.endpoints.values():
        netns = f"/proc/{lab.init(endpoint.host)}/root/run/netns/{endpoint.netns}"
        found[endpoint.name] = Door(netns, naming.ENDPOINT_DEVICE, naming.mac(endpoint), naming.HOST_MAC)
    return found


def allowed(cluster: Cluster, wanted: Iterable[Flow]) -> dict[str, bool]:
    """What policy says of each flow, seen with the addresses it has: policies may speak of addresses."""
    return {flow.name: _allowed(cluster, flow) for flow in wanted}


def _allowed(cluster: Cluster, flow: Flow) -> bool:
    origin, target = (parties.at(cluster, ip_address(text)) for text in (flow.source, flow.destination))
    return decide(cluster, origin, target, flow.protocol, flow.port).allowed


def rules(before: Mapping[str, bool], after: Mapping[str, bool]) -> dict[str, str]:
    """What the packets of each flow must do on the way from one policy to another."""
    letters = {(True, True): MUST, (False, False): NEVER}
    found = {name: letters.get((before[name], after[name]), EITHER) for name in before}
    return {name: FENCE if name.split(" ")[-1].startswith("fence-") else rule for name, rule in found.items()}
