"""How a command ends: an exit code, a failure told to people or programs."""

from __future__ import annotations

import json
from enum import IntEnum
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from snakepit_bridge.errors import BridgeError


class ExitCode(IntEnum):
    """What the end of this process says to whoever started it."""

    DONE = 0
    FAILED = 1
    USAGE = 2
    """Wrong arguments, or settings that cannot be used."""

    UNREACHABLE = 3
    INTERRUPTED = 130
    """By Ctrl-C; 128 and the number of the signal, as shells have it."""


class StopError(Exception):
    """Ends the program with a message.

    Args:
        message: What to write to stderr.
        code: How the process ends.
    """

    def __init__(self, message: object, code: ExitCode) -> None:
        super().__init__(str(message))
        self.code = code


def tell_failure(
    error: BridgeError, *, as_json: bool = False, with_traceback: bool = False, hint: str = ""
) -> None:
    """Tell of a failed command on stderr, and on stdout as JSON for programs.

    Args:
        error: What went wrong.
        as_json: Whether a program reads stdout.
        with_traceback: Whether to show the traceback of user code as well.
        hint: The next step, where the error's own is not one for the command line.
    """
    if as_json:
        import msgspec

        from snakepit_bridge.transport.failures import failure_of

        failure = msgspec.to_builtins(failure_of(error))
        # The message has it, too, and from a server it does not come.
        del failure["foreign_message"]
        write_json({"failure": failure})
    if with_traceback and error.foreign_traceback:
        click.echo(error.foreign_traceback.rstrip(), err=True)
    click.echo(f"Error: {error.message}", err=True)
    hint = hint or error.hint
    if hint:
        click.echo(f"Hint: {hint}", err=True)
    if error.foreign_traceback and not with_traceback:
        click.echo("--traceback shows where it was raised.", err=True)


def write_json(value: Any) -> None:
    """Write a value to stdout as one line of JSON, at once, in ASCII."""
    click.echo(json.dumps(value))


def write_value(value: Any) -> None:
    """Write a value to stdout for people: text as it is, everything else as indented JSON."""
    text = value if isinstance(value, str) else json.dumps(value, indent=2, ensure_ascii=False)
    click.echo(text)
