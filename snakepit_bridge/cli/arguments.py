"""Arguments of a command out of the words somebody typed."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NoReturn

import click

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from snakepit_bridge.errors import BridgeError


def arguments_from(words: Sequence[str], args_json: str | None) -> dict[str, Any]:
    """The arguments: those of the JSON object, then ``key=value`` on top.

    Args:
        words: Each ``key=value``; the value is JSON where it can be read as such, else text.
        args_json: A JSON object.

    Raises:
        click.UsageError: A word has no ``=``, a key comes twice, or the JSON is no object.
    """
    arguments = _object(args_json) if args_json is not None else {}
    seen: set[str] = set()
    for position, word in enumerate(words):
        key, equals, text = word.partition("=")
        if not equals or not key:
            raise click.UsageError(_without_equals(words, position))
        if key in seen:
            text = f"{key!r} is given twice."
            raise click.UsageError(text)
        seen.add(key)
        arguments[key] = value_from(text)
    return arguments


def value_from(text: str) -> Any:
    """The value a text means: JSON where it is that, else the text itself."""
    try:
        return json.loads(text, parse_constant=_refuse)
    except (ValueError, RecursionError):
        return text


def quoting_hint(error: BridgeError, arguments: Mapping[str, Any]) -> str:
    """What to type where text was wanted that looks like a number; else nothing."""
    wrong = error.details.get("arguments")
    for name, why in wrong.items() if isinstance(wrong, dict) else ():
        if name in arguments and "expected `str`" in why and not isinstance(arguments[name], str):
            text = json.dumps(json.dumps(arguments[name]))
            return f"For text that looks like JSON write {name}='{text}'."
    return ""


def _object(text: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise click.UsageError(f"--args is no JSON: {error}.") from error
    if not isinstance(value, dict):
        text = f'--args must be a JSON object such as \'{{"name": "Ada"}}\', not {text}.'
        raise click.UsageError(text)
    return value


def _without_equals(words: Sequence[str], position: int) -> str:
    word, following = words[position], words[position + 1 : position + 2]
    example = f"{word}={following[0]}" if following and "=" not in following[0] else f"{word}=VALUE"
    return f"{word!r} has no '='. Arguments are written key=value; did you mean {example!r}?"


def _refuse(constant: str) -> NoReturn:
    # NaN and Infinity are words before they are numbers.
    raise ValueError(constant)
