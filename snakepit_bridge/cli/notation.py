"""The notation of values on the command line."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import TypeVar

    F = TypeVar("F", bound=Callable[..., Any])

PLAIN, TAGGED, PACKED = "json", "tagged", "msgpack"

_BINARY = frozenset({"blob", "bytes"})
"""Tags whose ``data`` are base64."""

SHOWN_BASE64 = 60
"""Characters of binary data that people are shown."""


def notation_option(command: F) -> F:
    """Give a command the option that chooses a notation."""
    return click.option(
        "--encoding",
        type=click.Choice([PLAIN, TAGGED, PACKED]),
        default=PLAIN,
        show_default=True,
        help="How values travel; tagged and msgpack lose none, and are both typed and shown as "
        'tagged JSON: {"__type__": "tuple", …}.',
    )(command)


def metadata_option(command: F) -> F:
    """Give a command the option for what is said beside the arguments."""
    return click.option(
        "--metadata",
        metavar="KEY=VALUE",
        multiple=True,
        callback=_pairs,
        help="Said beside the arguments, such as refs=off; may be repeated.",
    )(command)


def _pairs(_: object, __: object, words: tuple[str, ...]) -> dict[str, str]:
    pairs = [word.partition("=") for word in words]
    for word, (key, equals, _value) in zip(words, pairs, strict=True):
        if not key or not equals:
            text = f"{word!r} is not KEY=VALUE."
            raise click.BadParameter(text)
    return {key: value for key, _, value in pairs}


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


def shown(value: Any, encoding: str, *, for_people: bool = False) -> Any:
    """The JSON that shows a value; people see only the beginning of long binary data."""
    if encoding == PLAIN:
        return value
    from snakepit_bridge.values import find_encoding

    text = find_encoding(TAGGED).encode(value).value
    return json.loads(text, object_hook=_shortened if for_people else None)


def _shortened(found: dict[str, Any]) -> dict[str, Any]:
    data = found.get("data")
    if found.get("__type__") not in _BINARY or not isinstance(data, str):
        return found
    if len(data) <= SHOWN_BASE64:
        return found
    size = len(data) * 3 // 4 - data.count("=", -2)
    return {**found, "data": f"{data[:SHOWN_BASE64]}… ({size} bytes)"}
