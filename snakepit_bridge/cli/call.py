"""``snakepit-bridge call``: one command, its value."""

from __future__ import annotations

import asyncio
from typing import Any

import click

from snakepit_bridge.cli.arguments import arguments_from, quoting_hint
from snakepit_bridge.cli.notation import metadata_option, notation_option, shown, typed
from snakepit_bridge.cli.options import EPILOG
from snakepit_bridge.cli.outcome import ExitCode, write_json, write_value
from snakepit_bridge.cli.reach import failed, reach_options, reached
from snakepit_bridge.errors import BridgeError, ErrorCode

_IN_WORDS_OF_THE_COMMAND_LINE = {
    "Send a session_id with the command": "Give the command a --session ID",
    "Send a session_id": "Give a --session ID",
    "Send the session_id": "Give the --session",
    "'refs': 'off' in the metadata": "--metadata refs=off",
}
"""What hints for callers of every kind say, and what to type instead."""


@click.command(epilog=EPILOG)
@click.argument("name", metavar="COMMAND")
@click.argument("words", metavar="[KEY=VALUE]...", nargs=-1)
@click.option("--args", "args_json", metavar="JSON", help="All arguments as one JSON object.")
@click.option("--session", metavar="ID", help="Session to run it in; else one that ends with it.")
@notation_option
@metadata_option
@reach_options
def call(name: str, words: tuple[str, ...], **options: Any) -> int:
    """Run one command and print its value.

    A VALUE is JSON where it can be read as such, else text: times=3 is a number, name=Ada is text,
    name='"3"' is text, too.
    """
    arguments = arguments_from(words, options["args_json"])
    return asyncio.run(_call(name, arguments, options))


async def _call(name: str, arguments: dict[str, Any], options: dict[str, Any]) -> ExitCode:
    async with reached(options) as client:
        try:
            value = await client.call(
                name,
                typed(arguments, options["encoding"]),
                session=options["session"],
                timeout_s=options["timeout_s"],
            )
        except BridgeError as error:
            return failed(error, options, hint=hint_for(error, arguments, options))
        write = write_json if options["as_json"] else write_value
        write(shown(value, options["encoding"], for_people=not options["as_json"]))
        return ExitCode.DONE


def hint_for(error: BridgeError, arguments: dict[str, Any], options: dict[str, Any]) -> str:
    """The next step on the command line, where it is another than elsewhere."""
    if error.code is ErrorCode.COMMAND_NOT_FOUND and "Did you mean" not in error.hint:
        more = "" if options["target"] else "; --handlers MODULE:CLASS adds yours"
        return f"'snakepit-bridge commands' lists those there are{more}."
    if error.code is ErrorCode.WRONG_CALL and "ExecuteStream" in error.hint:
        return f"Try: snakepit-bridge stream {error.details.get('command', 'COMMAND')}"
    hint = error.hint
    for words, option in _IN_WORDS_OF_THE_COMMAND_LINE.items():
        hint = hint.replace(words, option)
    hint = " ".join(each for each in (hint, quoting_hint(error, arguments)) if each)
    return "" if hint == error.hint else hint
