"""WORKSTATION: a host's policy tables as the kinds put them together, for the tests."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Optional

from state.cluster import Cluster
from state.manifest import Document
from state.policy import parties
from state.policy.compiler import DIRECTIONS, Compiled, compile_policies
from state.policy.encode import encode
from state.policy.labels import HOST, REMOTE_NODE
from state.policy.tables import Block, Encoded, Logical, Peer, Tunnel, policy_address
from state.policy.transition import Known, tighten
from state.policy.verdicts import Policy
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


def tightened(old: Cluster, new: Cluster, host: str) -> Compiled:
    """What `host` enforces while the fleet moves from `old` to `new`: for every subject of either, what both allow."""
    first, second = compile_policies(old, host), compile_policies(new, host)
    before, after = known(old, first.blocks), known(new, second.blocks)
    subjects = [{endpoint.identity for endpoint in cluster.endpoints_on(host)} for cluster in (old, new)]
    blocks = {**first.blocks, **second.blocks}
    policies: dict[tuple[str, int], Policy] = {}
    for identity in sorted(subjects[0] | subjects[1]):
        for direction in DIRECTIONS:
            key = direction, identity
            sides = [(first.policies.get(key), before), (second.policies.get(key), after)]
            if identity not in subjects[0]:
                sides[0] = sides[1]  # a subject that only one of them has is judged by that one
            elif identity not in subjects[1]:
                sides[1] = sides[0]
            (left, knows_left), (right, knows_right) = sides
            made = tighten(left, right, knows_left, knows_right, blocks)
            if made is not None:
                policies[key] = made
    return Compiled(policies, blocks, {**first.sources, **second.sources})


def known(cluster: Cluster, blocks: Mapping[str, bool]) -> Known:
    """What a cluster's generation knows on a host with these blocks. Retired identities are not in use any more."""
    return Known(frozenset(endpoint.identity for endpoint in cluster.endpoints.values()), blocks)
