# type: ignore  (pyinfra is in an environment of its own)
"""pyinfra's part: a fact for each kind of thing, read at once by `ip -j`, and an operation for each thing.

With NETCTL_BENCH_SPARING one operation for all things of a kind: nobody writes it like that, but it is much quicker.
"""

import os

from pyinfra import host
from pyinfra.api import FactBase, operation

from tests.bench.peers import answers


class Answers(FactBase):
    """What `ip -j` or `sysctl` says."""

    def command(self, script: str) -> str:
        return script

    def process(self, output: list[str]) -> list[str]:
        return sorted(answers.read("\n".join(output)))


@operation()
def present(kind: str, wanted: list[str], script: str):
    """Everything of one kind."""
    found = set(host.get_fact(Answers, script))
    for line in wanted:
        if line not in found:
            yield f"echo missing {kind} {line}; false"


for kind, wanted in host.data.job.items():
    groups = [wanted] if "NETCTL_BENCH_SPARING" in os.environ else [[line] for line in wanted]
    for group in groups:
        present(name=f"{kind} {group[0]}", kind=kind, wanted=group, script=host.data.scripts[kind])
