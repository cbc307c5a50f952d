# type: ignore  (Ansible is in an environment of its own)
"""What answers show, as a filter for Ansible."""

from tests.bench.peers import answers


def found(text):
    """Everything in the answers."""
    return sorted(answers.read(text.replace("\r\n", "\n")))


class FilterModule:
    """The filters."""

    def filters(self):
        return {"found": found}
