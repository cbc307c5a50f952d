"""WORKSTATION: the command tree, and the one place where failures become exit codes (the table is in `cli.exits`).

A command is a file `cli/NAME.py` with a function NAME, or, for a group, a `typer.Typer` called `app`; and a line in
COMMANDS. Only the file of the command that was typed is imported, and heavy imports stay inside its functions:
`netctl --help` is quick because it imports neither. A command returns its exit code (None is 0) and raises NetctlError
for what went wrong.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Annotated, Any, Optional

import typer

from cli import exits
from cli.plain import Command, Group
from state.problem import NetctlError

COMMANDS = {
    "validate": "Check the manifest: schema, references, ranges, lock file. Needs no network.",
    "lock": "Write netctl.lock: the numbers and addresses that stay stable between runs.",
    "plan": "Show what would change on every host.",
    "apply": "Make the changes, after asking.",
    "status": "Show each host: in sync or drifted, agent, kernel, programs, maps.",
    "destroy": "Remove everything netctl put on the hosts, after asking.",
    "test": "Check the manifest's assertions: by the policy engine, or with real packets.",
    "policy": "Ask the policy engine: one flow, who reaches whom, or what holds for an endpoint.",
    "monitor": "Watch drops and verdicts of all hosts, with names and manifest lines.",
    "lab": "Run the manifest's hosts as network namespaces on this machine.",
    "schema": "Print the JSON Schema of the manifest, for editors.",
}

EPILOG = (
    "Exit codes: 0 fine, 1 error, 2 changes (--detailed-exitcode), 3 hosts failed, 4 unreachable, 5 denied (policy "
    "verdict), 6 stale plan, 7 locked, 64 usage, 65 invalid manifest or saved plan, 130 interrupted. Of several hosts "
    "the worst decides: 1, 3, 6, 7, 4, 2, 0."
)


def main(arguments: Optional[Sequence[str]] = None) -> int:
    """Run the command line and return the exit code."""
    _open_streams()
    words = list(sys.argv[1:] if arguments is None else arguments)
    debug = "--debug" in words[: _command_at(words)] or bool(os.environ.get("NETCTL_DEBUG"))
    try:
        code = _tree(words)(args=words, prog_name="netctl", standalone_mode=False)
        sys.stdout.flush()
    except typer.TyperException as error:
        return _usage(error)
    except NetctlError as error:
        return _failed(error)
    except (KeyboardInterrupt, typer.Abort):
        return _interrupted()
    except SystemExit as error:  # Typer's own way out when standard output has gone
        return _broken_pipe() if error.code == 1 else int(error.code or 0)
    except BrokenPipeError:
        return _broken_pipe()
    except OSError as error:
        if debug:
            raise
        return _failed(NetctlError.of(f"the system refused: {_refusal(error)}", "`netctl --debug ...` shows where."))
    except Exception as error:  # the outermost handler: a person sees a sentence, never a traceback
        if debug:
            raise
        return _bug(error)
    if code == exits.INTERRUPTED:  # Typer makes it of a Ctrl-C, without a word
        return _interrupted()
    return code if isinstance(code, int) else exits.FINE


def _tree(words: Sequence[str]) -> typer.Typer:
    """All commands by name; the one that was typed with its arguments, the others as their line in the help."""
    app = typer.Typer(
        cls=Group,
        help="Networking for plain Linux hosts, planned and applied from a Git-tracked manifest.",
        epilog=EPILOG,
        no_args_is_help=True,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        add_completion=False,
        callback=_global_options,
    )
    typed = words[_command_at(words)] if _command_at(words) < len(words) else ""
    for name, sentence in COMMANDS.items():
        found: Any = _import(name) if name == typed else _placeholder(sentence)
        if isinstance(found, typer.Typer):
            app.add_typer(found, name=name, short_help=sentence)
        else:
            app.command(name, cls=Command, short_help=sentence)(found)
    return app


def _command_at(words: Sequence[str]) -> int:
    return next((place for place, word in enumerate(words) if not word.startswith("-")), len(words))


def _import(name: str) -> object:
    module = import_module(f"cli.{name}")
    return getattr(module, "app", None) or getattr(module, name)


def _placeholder(sentence: str) -> Callable[[], None]:
    def placeholder() -> None: ...

    placeholder.__doc__ = sentence
    return placeholder


def _version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import PackageNotFoundError, version

        try:
            print(f"netctl {version('netctl')}")
        except PackageNotFoundError:
            print("netctl (a checkout)")
        raise typer.Exit(exits.FINE)


def _global_options(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version.", callback=_version, is_eager=True)
    ] = False,
    debug: Annotated[
        bool, typer.Option("--debug", help="Log to standard error, and show the traceback of a bug.")
    ] = False,
) -> None:
    if debug:
        import logging

        logging.basicConfig(level=logging.DEBUG, stream=sys.stderr, format="%(asctime)s %(name)s: %(message)s")


def _usage(error: typer.TyperException) -> int:
    context: Any = getattr(error, "ctx", None)
    if type(error).__name__ == "NoArgsIsHelpError" and context is not None:
        print(context.get_help(), file=sys.stderr)
        return exits.USAGE
    print(f"netctl: {error.format_message()}", file=sys.stderr)
    if context is not None:
        print(f"Try '{context.command_path} --help'.", file=sys.stderr)
    return exits.USAGE


def _failed(error: NetctlError) -> int:
    from cli.render import problems

    problems.show(error.problems)
    return error.exit_code


def _open_streams() -> None:
    """A standard stream that was closed is None: give it somewhere to go, before a file or socket gets its number."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, os.fdopen(os.open(os.devnull, os.O_RDWR), mode, encoding="utf-8"))


def _refusal(error: OSError) -> str:
    return f"{error.strerror or error}" + (f": {error.filename}" if error.filename else "")


def _interrupted() -> int:
    print("Interrupted.", file=sys.stderr)
    return exits.INTERRUPTED


def _broken_pipe() -> int:
    # The interpreter flushes standard output once more when it ends: give it somewhere to go.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return exits.BROKEN_PIPE


def _bug(error: Exception) -> int:
    print(
        f"netctl: this is a bug in netctl: {type(error).__name__}: {error}\n"
        "Run the same command as `netctl --debug ...` and report what it prints, with what `netctl --version` says.",
        file=sys.stderr,
    )
    return exits.ERROR


if __name__ == "__main__":
    sys.exit(main())
