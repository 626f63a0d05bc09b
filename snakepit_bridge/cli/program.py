"""``snakepit-bridge``: finds the command somebody means, tells what went wrong."""

from __future__ import annotations

import gc
import importlib
import os
import sys
from typing import TYPE_CHECKING

import click

from snakepit_bridge.cli.outcome import ExitCode, StopError
from snakepit_bridge.nearest import nearest
from snakepit_bridge.version import __version__

if TYPE_CHECKING:
    from collections.abc import Sequence

PROGRAM = "snakepit-bridge"

SUMMARIES = {
    "serve": "Serve commands over gRPC.",
    "worker": "Run as a worker of Snakepit.",
    "elixir": "Say how an Elixir application gets such workers.",
    "call": "Run one command and print its value.",
    "stream": "Run one command and print its items as they come.",
    "commands": "List the commands there are, or show one.",
    "doctor": "Say what works here, what does not, and what to do about it.",
    "demo": "Show the bridge at work.",
}
"""What there is, in the order a newcomer needs it."""


class _Commands(click.Group):
    """Imports a command when somebody asks for it, so that none pays for the others."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        del ctx
        return list(SUMMARIES)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        del ctx
        if cmd_name not in SUMMARIES:
            return None
        module = importlib.import_module(f"snakepit_bridge.cli.{cmd_name}")
        if not gc.isenabled():
            gc.freeze()
            gc.enable()
        command: click.Command = getattr(module, cmd_name)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args[0] not in SUMMARIES and (near := nearest(args[0], SUMMARIES)):
            ctx.fail(f"No such command {args[0]!r}. Did you mean {near!r}?")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        del ctx
        with formatter.section("Commands"):
            formatter.write_dl(list(SUMMARIES.items()))


@click.group(
    cls=_Commands,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Exit codes: 0 done, 1 the command failed, 2 wrong usage or settings, "
    "3 no server there, 130 interrupted.",
)
@click.version_option(__version__, prog_name=PROGRAM)
def program() -> None:
    """Run Python for a program in another runtime.

    New here? Try: snakepit-bridge demo
    """


def run(args: Sequence[str]) -> int:
    """Run the command line and return its exit code."""
    _make_folder_importable()
    try:
        code = program.main(args, prog_name=PROGRAM, standalone_mode=False)
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except StopError as error:
        click.echo(str(error), err=True)
        return error.code
    except click.Abort:
        return ExitCode.INTERRUPTED
    return code if isinstance(code, int) else ExitCode.DONE


def _make_folder_importable() -> None:
    """Let handlers in the current folder be found, as ``python -m`` does."""
    here = os.getcwd()  # noqa: PTH109  (a folder that is gone raises in both)
    if not sys.flags.safe_path and not {"", here} & set(sys.path):
        sys.path.insert(0, here)
