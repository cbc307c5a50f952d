"""BOTH SIDES: what is enforced for this host's endpoints: a policy for each isolated identity and direction."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from state.change import Found, Wanted
from state.cluster import Cluster
from state.facts import Facts, Scope
from state.kernel import Kernel
from state.kernel_bpf import CAPACITY
from state.kinds import generation
from state.kinds.generation import InGeneration, changed, subject
from state.kinds.peer import Peers
from state.kinds.tunnel import Tunnels
from state.policy.tables import Block, Logical, policy_address
from state.policy.verdicts import Policy
from state.problem import Problem

if TYPE_CHECKING:
    from state.policy.compiler import Compiled


class Policies(InGeneration[Policy]):
    """Policies as the tables hold them, by `DIRECTION/IDENTITY`."""

    name = "policy"
    value = Policy

    def desired(self, cluster: Cluster, host: str, facts: Facts) -> Mapping[str, Wanted[Policy]]:
        """What the documents mean for the identities of this host's endpoints."""
        from state.policy.compiler import compile_policies  # not at the top: the agent never needs the engine

        compiled = compile_policies(cluster, host)
        return {
            policy_address(direction, identity): Wanted(policy, compiled.sources.get((direction, identity)))
            for (direction, identity), policy in compiled.policies.items()
        }

    def observe(self, kernel: Kernel, scope: Scope) -> Mapping[str, Found[Policy]]:
        """The active generation's policies, and what nobody refers to."""
        return {address: Found(policy) for address, policy in generation.logical(kernel).policies.items()}

    def describe(self, address: str, cluster: Cluster) -> str:
        """Direction and labels: `ingress of shop app=db`."""
        direction, _, identity = address.partition("/")
        if not identity.isdigit():
            return address
        return f"{direction} of {subject(int(identity), cluster.identities)}"

    def notices(self, cluster: Cluster, host: str, facts: Facts) -> Sequence[Problem]:
        """Tables that would hold more than they can."""
        return capacity(cluster, host, facts)


def capacity(cluster: Cluster, host: str, facts: Facts) -> tuple[Problem, ...]:
    """What does not fit into the maps of a host, each an error."""
    from state.policy.compiler import compile_policies

    peers = {address: wanted.value for address, wanted in Peers().desired(cluster, host, facts).items()}
    compiled = compile_policies(cluster, host)
    sizes = {
        "addresses": len(peers),
        "hosts": len(cluster.hosts),
        "blocks": len(compiled.blocks),
        "endpoints": len(cluster.endpoints_on(host)),
        "policies": len(set(compiled.policies.values())),
    }
    if _at_most(compiled) > min(CAPACITY["verdicts"], CAPACITY["pages"]):
        from state.policy.encode import encode

        tunnels = {address: wanted.value for address, wanted in Tunnels().desired(cluster, host, facts).items()}
        blocks = {text: Block(endpoints) for text, endpoints in compiled.blocks.items()}
        policies = {policy_address(*key): policy for key, policy in compiled.policies.items()}
        encoded = encode(changed(Logical(peers, tunnels, blocks, policies), ()))
        sizes.update(pages=len(encoded.pages), verdicts=len(encoded.verdicts))
    return tuple(_too_many(host, sizes))


def _at_most(compiled: Compiled) -> int:
    """More verdicts and pages than this cannot come of the policies; most of the time that is all one needs to know."""
    return 3 * sum(len(policy.entries) for policy in set(compiled.policies.values()))


def _too_many(host: str, sizes: Mapping[str, int]) -> Iterator[Problem]:
    for name, size in sorted(sizes.items()):
        if size > CAPACITY[name]:
            yield Problem(
                f"the table {name} would need {size} entries, and has room for {CAPACITY[name]}",
                "Spread the endpoints over more hosts, or let policies select by fewer and wider rules.",
                f"host {host}",
            )
