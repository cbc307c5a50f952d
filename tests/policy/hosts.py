"""WORKSTATION: a host's policy tables as the kinds put them together, for the tests."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Optional

from state.cluster import Cluster
from state.manifest import Document
from state.policy import parties
from state.policy.compiler import Compiled, compile_policies
from state.policy.encode import encode
from state.policy.labels import HOST, REMOTE_NODE
from state.policy.tables import Block, Encoded, Logical, Peer, Tunnel, policy_address
from state.problem import Source


def document(body: dict[str, Any], number: int) -> Document:
    """A generated document, each on a line of its own."""
    metadata = body["metadata"]
    place = Source("generated.yaml", number)
    return Document(body["kind"], metadata.get("namespace", ""), metadata["name"], body, {(): place}, place)


def logical(state: Cluster, host: str, compiled: Optional[Compiled] = None) -> Logical:
    """Everything a host's tables must hold."""
    made = compiled or compile_policies(state, host)
    peers: dict[str, Peer] = {}
    for endpoint in state.endpoints.values():
        local = endpoint.host == host
        for address in (endpoint.ipv4, endpoint.ipv6):
            if address is not None:
                number = 0 if local else state.hosts[endpoint.host].number
                peers[str(address)] = Peer(endpoint.identity, number, endpoint.id if local else 0)
    for other in state.hosts.values():
        for address in parties.of_host(other).addresses:
            peers[str(address)] = Peer(HOST if other.name == host else REMOTE_NODE, 0, 0)
    policies = {policy_address(*key): policy for key, policy in made.policies.items()}
    tunnels = {str(other.number): Tunnel(str(other.underlay.ipv4)) for other in state.hosts.values()}
    return Logical(peers, tunnels, {text: Block(flag) for text, flag in made.blocks.items()}, policies)


def tables(state: Cluster) -> Mapping[str, Encoded]:
    """The encoded tables of every host."""
    return {host: encode(logical(state, host)) for host in state.hosts}
