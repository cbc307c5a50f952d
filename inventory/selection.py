"""WORKSTATION: which hosts a command is about: `--host` and `--label`."""

from __future__ import annotations

import difflib
import fnmatch
from collections.abc import Mapping, Sequence

from state.problem import ManifestError, Problem, UsageError


def select(hosts: Mapping[str, Mapping[str, str]], names: Sequence[str] = (), labels: Sequence[str] = ()) -> list[str]:
    """The chosen hosts, sorted; all of them where nothing is asked. `hosts` maps each name to its labels.

    `names` are names or patterns (`db-*`), any of which may match. `labels` are `key=value`, `key!=value`, `key` or
    `!key`, also several with commas, all of which must. Raises UsageError for what matches no host, and ManifestError
    where there are no hosts at all.
    """
    if not hosts:
        raise ManifestError(
            Problem("the manifest has no hosts", "Write at least one under `hosts`, then run `netctl lock`.")
        )
    problems = [_unknown(hosts, name) for name in names if not fnmatch.filter(hosts, name)]
    terms = [term.strip() for text in labels for term in text.split(",") if term.strip()]
    problems += [_unknown_label(hosts, term) for term in terms if not _is_known(hosts, term)]
    if problems:
        raise UsageError(*problems)
    chosen = [
        host
        for host in sorted(hosts)
        if (not names or any(fnmatch.fnmatchcase(host, name) for name in names))
        and all(_matches(hosts[host], term) for term in terms)
    ]
    if not chosen:
        asked = " ".join([f"--host {name}" for name in names] + [f"--label {term}" for term in terms])
        raise UsageError(Problem(f"no host is meant by {asked}", "Each of these matches hosts, but none matches all."))
    return chosen


def _taken_apart(term: str) -> tuple[str, str, str | None]:
    """Sign, key and value: `!` for what must not be; no value where the key alone counts."""
    if "!=" in term:
        key, _, value = term.partition("!=")
        return "!", key, value
    key, equals, value = term.partition("=")
    sign = "!" if key.startswith("!") else ""
    return sign, key.removeprefix("!"), value.removeprefix("=") if equals else None


def _matches(labels: Mapping[str, str], term: str) -> bool:
    sign, key, value = _taken_apart(term)
    found = key in labels if value is None else labels.get(key) == value
    return found is not bool(sign)


def _is_known(hosts: Mapping[str, Mapping[str, str]], term: str) -> bool:
    _, key, value = _taken_apart(term)
    return any(key in labels and value in (None, labels[key]) for labels in hosts.values())


def _unknown(hosts: Mapping[str, Mapping[str, str]], name: str) -> Problem:
    return Problem(f"there is no host {name}", _suggestion(name, sorted(hosts)), f"--host {name}")


def _unknown_label(hosts: Mapping[str, Mapping[str, str]], term: str) -> Problem:
    _, key, value = _taken_apart(term)
    keys = sorted({known for labels in hosts.values() for known in labels})
    if key not in keys or value is None:
        return Problem(f"no host has a label {key}", _suggestion(key, keys), f"--label {term}")
    values = sorted({labels[key] for labels in hosts.values() if key in labels})
    return Problem(f"no host has the label {key}={value}", _suggestion(value, values), f"--label {term}")


def _suggestion(word: str, known: Sequence[str]) -> str:
    close = difflib.get_close_matches(word, known, 1)
    if close:
        return f"Did you mean {close[0]}?"
    shown = ", ".join(known[:10]) + (", ..." if len(known) > 10 else "")
    return f"There are: {shown}." if known else "There are none."
