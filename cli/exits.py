"""WORKSTATION: the exit codes, and which one wins when hosts differ.

    0    fine: nothing to do, or all of it done
    1    error
    2    changes are present (only with --detailed-exitcode)
    3    some hosts failed; the others did their part
    4    hosts could not be reached
    5    the answer is no: `policy verdict` finds the flow denied
    6    the plan is stale: a host has moved since it was made
    7    somebody else holds the lock of a host
    64   the command line is wrong
    65   the manifest, its lock file or a saved plan is wrong
    130  interrupted
    141  whoever read our output went away

A denied flow is an answer, not a failure, and a script must be able to tell it from one; an assertion of `netctl test`
that does not hold is a failure, and ends with 1.

Of several hosts the worst decides, in the order of `WORST_FIRST`: a host that was reached and failed may be half done,
so it comes before one that was refused untouched, and that before one that could not be reached.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from state.problem import NetctlError

FINE = 0
ERROR = 1
CHANGES = 2
HOSTS_FAILED = 3
UNREACHABLE = 4
DENIED = 5
STALE = 6
LOCKED = 7
USAGE = 64
INVALID = 65
INTERRUPTED = 130
BROKEN_PIPE = 141

WORST_FIRST = (INTERRUPTED, ERROR, HOSTS_FAILED, STALE, LOCKED, UNREACHABLE, CHANGES, FINE)


def worst(codes: Iterable[int]) -> int:
    """The one exit code for what happened on several hosts."""
    return min(codes, key=WORST_FIRST.index, default=FINE)


def together(errors: Sequence[NetctlError]) -> NetctlError:
    """The errors of several hosts as one, of the kind whose exit code decides."""
    code = worst(error.exit_code for error in errors)
    kind = next(type(error) for error in errors if error.exit_code == code)
    return kind(*(problem for error in errors for problem in error.problems))
