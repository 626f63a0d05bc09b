"""``snakepit-bridge commands``: what a bridge can do."""

from __future__ import annotations

import asyncio
import json
import shutil
import sys
from typing import TYPE_CHECKING, Any

import click

from snakepit_bridge.cli.call import hint_for
from snakepit_bridge.cli.options import EPILOG
from snakepit_bridge.cli.outcome import ExitCode, write_json
from snakepit_bridge.cli.reach import failed, reach_options, reached
from snakepit_bridge.errors import BridgeError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


@click.command(epilog=EPILOG)
@click.argument("name", required=False)
@reach_options
def commands(name: str | None, **options: Any) -> int:
    """List the commands there are, or show one with the schema of its arguments.

    A parameter with a question mark may be left out.
    """
    return asyncio.run(_commands(name, options))


async def _commands(name: str | None, options: dict[str, Any]) -> ExitCode:
    arguments = {} if name is None else {"command": name}
    async with reached(options) as client:
        try:
            listed = await client.call("system.describe", arguments, timeout_s=options["timeout_s"])
        except BridgeError as error:
            return failed(error, options, hint=hint_for(error, arguments, options))
    if options["as_json"]:
        write_json(listed if name is None else listed[0])
    elif name is None:
        _write_table(listed)
    else:
        _write_one(listed[0])
    return ExitCode.DONE


def _write_table(listed: Sequence[Mapping[str, Any]]) -> None:
    rows = [(each["name"], _parameters(each), each["description"]) for each in listed]
    names = max(len(name) for name, _, _ in rows)
    parameters = max(len(text) for _, text, _ in rows)
    # A reader at a terminal wants lines that do not wrap; a program wants all there is.
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
    for name, text, description in rows:
        line = f"{name:<{names}}  {text:<{parameters}}  {description}"
        click.echo(line if width is None or len(line) <= width else f"{line[: width - 1]}…")


def _write_one(described: Mapping[str, Any]) -> None:
    click.echo(f"{described['name']}({_parameters(described)})")
    if described["description"]:
        click.echo(f"\n{described['description']}")
    if described["streams"]:
        click.echo("\nIt streams its answer: use 'snakepit-bridge stream'.")
    click.echo(f"\n{json.dumps(described['schema'], indent=2, ensure_ascii=False)}")


def _parameters(described: Mapping[str, Any]) -> str:
    schema = described["schema"]
    required = set(schema.get("required", ()))
    names = [name if name in required else f"{name}?" for name in schema.get("properties", {})]
    if schema.get("additionalProperties"):
        names.append("…")
    return ", ".join(names)
