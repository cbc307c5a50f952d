"""BOTH SIDES: routing rules. None is needed yet; one that carries netctl's number is found and removed."""

from __future__ import annotations

from collections.abc import Mapping

from state.change import Found, Wanted
from state.cluster import Cluster
from state.facts import Facts, Scope
from state.kernel import Kernel, Rule
from state.kinds.marked import Marked, found, spoken
from state.naming import PROTOCOL


class Rules(Marked[Rule]):
    """Rules with netctl's protocol number."""

    name = "rule"
    value = Rule

    def desired(self, cluster: Cluster, host: str, facts: Facts) -> Mapping[str, Wanted[Rule]]:
        """None."""
        return {}

    def observe(self, kernel: Kernel, scope: Scope) -> Mapping[str, Found[Rule]]:
        """Netctl's, both families."""
        return found((_address(rule), rule) for rule in kernel.net.rules() if rule.protocol == PROTOCOL)


def _address(rule: Rule) -> str:
    return spoken(
        f"ipv{rule.family} {rule.priority}",
        f"from {rule.source}" if rule.source else "",
        f"to {rule.destination}" if rule.destination else "",
        f"mark {rule.mark:#x}/{rule.mask:#x}" if rule.mark else "",
        f"in {rule.incoming}" if rule.incoming else "",
        f"out {rule.outgoing}" if rule.outgoing else "",
        f"{rule.action} {rule.table}",
    )
