"""pyinfra's part: one fact for each kind of thing, read at once by `ip -j`, and one operation that adds what is missing.

As sparing as pyinfra allows: a careful user would write an operation for each thing.
"""

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
    present(name=kind, kind=kind, wanted=wanted, script=host.data.scripts[kind])
