"""BOTH SIDES: the address blocks that this host's policies speak of, and the ranges of endpoints."""

from __future__ import annotations

from collections.abc import Mapping

from state.change import Found, Wanted
from state.cluster import Cluster
from state.facts import Facts, Scope
from state.kernel import Kernel
from state.kinds import generation
from state.kinds.generation import InGeneration
from state.policy.tables import Block


class Blocks(InGeneration[Block]):
    """Entries of the table `blocks`, by CIDR."""

    name = "block"
    value = Block

    def desired(self, cluster: Cluster, host: str, facts: Facts) -> Mapping[str, Wanted[Block]]:
        """The world, the endpoint ranges, and what the policies of this host's endpoints mention."""
        from state.policy.compiler import compile_policies  # not at the top: the agent never needs the engine

        source = cluster.hosts[host].source
        blocks = compile_policies(cluster, host).blocks
        return {text: Wanted(Block(endpoints), source) for text, endpoints in blocks.items()}

    def observe(self, kernel: Kernel, scope: Scope) -> Mapping[str, Found[Block]]:
        """The active generation's blocks."""
        return {address: Found(block) for address, block in generation.logical(kernel).blocks.items()}
