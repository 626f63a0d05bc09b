"""The notation of values on the command line."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import TypeVar

    F = TypeVar("F", bound=Callable[..., Any])

PLAIN, TAGGED = "json", "tagged"


def notation_option(command: F) -> F:
    """Give a command the option that chooses a notation."""
    return click.option(
        "--encoding",
        type=click.Choice([PLAIN, TAGGED]),
        default=PLAIN,
        show_default=True,
        help='How values travel, are typed and shown; tagged loses none: {"__type__": "tuple", …}.',
    )(command)


def typed(arguments: Mapping[str, Any], encoding: str) -> Mapping[str, Any]:
    """The arguments that somebody meant who typed this JSON.

    Raises:
        InvalidArgumentError: A tag in it is wrong; names every such argument.
    """
    if encoding == PLAIN:
        return arguments
    from snakepit_bridge.values import find_encoding

    texts = {name: json.dumps(value).encode() for name, value in arguments.items()}
    return find_encoding(TAGGED).decode_args(texts)


def shown(value: Any, encoding: str) -> Any:
    """The JSON that shows a value."""
    if encoding == PLAIN:
        return value
    from snakepit_bridge.values import find_encoding

    return json.loads(find_encoding(TAGGED).encode(value).value)
