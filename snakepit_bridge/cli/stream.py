"""``snakepit-bridge stream``: one command, its items as they come."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from typing import TYPE_CHECKING, Any

import click

from snakepit_bridge.cli.arguments import arguments_from
from snakepit_bridge.cli.call import hint_for
from snakepit_bridge.cli.notation import metadata_option, notation_option, shown, typed
from snakepit_bridge.cli.options import EPILOG
from snakepit_bridge.cli.outcome import ExitCode, write_json
from snakepit_bridge.cli.reach import failed, reach_options, reached
from snakepit_bridge.errors import BridgeError

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator


@click.command(epilog=EPILOG)
@click.argument("name", metavar="COMMAND")
@click.argument("words", metavar="[KEY=VALUE]...", nargs=-1)
@click.option("--args", "args_json", metavar="JSON", help="All arguments as one JSON object.")
@click.option("--session", metavar="ID", help="Session to run it in; else one that ends with it.")
@notation_option
@metadata_option
@reach_options
def stream(name: str, words: tuple[str, ...], **options: Any) -> int:
    """Run one command and print its items as they come, each as a line of JSON.

    Ctrl-C cancels the command. A command that does not stream has its value as the only item.
    """
    arguments = arguments_from(words, options["args_json"])
    return asyncio.run(_stream(name, arguments, options))


async def _stream(name: str, arguments: dict[str, Any], options: dict[str, Any]) -> ExitCode:
    async with reached(options) as client:
        try:
            items = client.stream(
                name,
                typed(arguments, options["encoding"]),
                session=options["session"],
                timeout_s=options["timeout_s"],
            )
            await _write(items, options)
        except BridgeError as error:
            return failed(error, options, hint=hint_for(error, arguments, options))
        return ExitCode.DONE


async def _write(items: AsyncGenerator[Any, None], options: dict[str, Any]) -> None:
    async with aclosing(items):
        async for item in items:
            write_json(shown(item, options["encoding"], for_people=not options["as_json"]))
