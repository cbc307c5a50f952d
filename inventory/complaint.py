"""WORKSTATION: why a host did not answer, in words, from what it printed instead."""

from __future__ import annotations

from inventory.transport import Channel
from state.problem import HostError, Problem

_SHOWN = 800


def no_start(channel: Channel, seen: bytes, python: str) -> Problem:
    """Why the agent never started."""
    said, ending = channel.complaint(), channel.ending()
    text = said + seen.decode(errors="replace")
    if "sudo" in text and any(word in text for word in ("password", "authenticat", "terminal")):
        return Problem(
            "sudo asks for a password",
            "netctl never types one. Log in as root, or allow this on the host, in /etc/sudoers.d/netctl:\n"
            f"USER ALL=(root) NOPASSWD: /usr/bin/{python}",
        )
    if "sudo" in text and ("not found" in text or "not allowed" in text or "may not run" in text):
        return Problem("this user cannot become root with sudo", _printed(text, ending))
    if "not found" in text or ending == "exit status 127":
        return Problem(f"{python} is missing on the host", "Install python3 (3.9 or newer). " + _printed(text, ending))
    if "available" in text and "account" in text:
        return Problem("the user may not log in", _printed(text, ending))
    return Problem("the agent did not start", _printed(text, ending))


def endless_chatter(seen: bytes) -> Problem:
    """A login shell that prints without end."""
    return Problem(
        f"the login shell printed {len(seen)} bytes, and the agent has not started",
        "Its start-up files (such as ~/.bashrc) should be silent when there is no terminal. It began:\n"
        + seen[:_SHOWN].decode(errors="replace"),
    )


def broken_off(channel: Channel, during: str, address: str) -> HostError:
    """The agent ended where it should not have."""
    said, ending = channel.complaint(), channel.ending()
    how = f" ({ending})" if ending else ""
    return HostError(
        Problem(
            f"the agent ended during {during}{how}",
            f"What it had changed stays; the next plan shows what is left. {_printed(said, '')}".strip(),
            address,
        )
    )


def _printed(text: str, ending: str) -> str:
    shown = text.strip()[-_SHOWN:]
    said = f"It printed:\n{shown}" if shown else "It printed nothing."
    return f"{ending}. {said}" if ending else said
