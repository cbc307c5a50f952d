# type: ignore  (Ansible is in an environment of its own)
"""The things of a list that answers do not show, as a filter for Ansible."""

from tests.bench.peers import answers


def absent(wanted, text):
    """What is not there."""
    found = answers.read(text.replace("\r\n", "\n"))
    return [line for line in wanted if line not in found]


class FilterModule:
    """The filters."""

    def filters(self):
        return {"absent": absent}
