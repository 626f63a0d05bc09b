"""Answers of DSPex's tools in the shapes that its Elixir code matches on."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from snakepit_bridge.errors import (
    BridgeError,
    CommandCancelledError,
    CommandDeadlineError,
    InvalidArgumentError,
)
from snakepit_bridge.handlers.dspy.secrets import without_secrets
from snakepit_bridge.values.json.reader import read_json
from snakepit_bridge.values.refusals import CannotReadError

NOBODY_WAITS = (CommandCancelledError, CommandDeadlineError)
"""Errors that end a call instead of becoming its answer."""


def failure(error: BridgeError, *, with_traceback: bool = False, **facts: str) -> dict[str, Any]:
    """The answer for what went wrong.

    Args:
        error: What went wrong.
        with_traceback: Whether to add where DSPy's own code raised, if it did.
        facts: What else the tool says of its call.
    """
    answer: dict[str, Any] = {"success": False, "error": error.message, **facts}
    if error.hint:
        answer["hint"] = error.hint
    if with_traceback and error.foreign_traceback:
        answer["traceback"] = error.foreign_traceback
    return answer


def converted(value: Any) -> Any:
    """The result of a call as ``call_dspy`` gives it: containers as they are, all else as text.

    Args:
        value: Plain data.
    """
    if isinstance(value, (list, tuple, set, frozenset)):
        return list(value)
    return value if isinstance(value, dict) else str(value)


def scrubbed(value: Any, hidden: Collection[str]) -> Any:
    """Plain data without any secret in its texts, keys of objects included."""
    if isinstance(value, str):
        return without_secrets(value, hidden)
    if isinstance(value, Mapping):
        return {scrubbed(key, hidden): scrubbed(each, hidden) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [scrubbed(each, hidden) for each in value]
    return value


def object_in(value: Any, argument: str) -> dict[str, Any]:
    """An argument that is an object, or the JSON text of one; nothing at all is an empty one.

    Raises:
        InvalidArgumentError: It is something else.
    """
    found = data_in(value, argument)
    if found is None:
        return {}
    if not isinstance(found, dict):
        raise _wrong(argument, "an object", found)
    return found


def list_in(value: Any, argument: str) -> list[Any]:
    """An argument that is a list, or the JSON text of one; nothing at all is an empty one.

    Raises:
        InvalidArgumentError: It is something else.
    """
    found = data_in(value, argument)
    if found is None:
        return []
    if not isinstance(found, list):
        raise _wrong(argument, "a list", found)
    return found


def data_in(value: Any, argument: str) -> Any:
    """An argument, or what its JSON text says.

    Raises:
        InvalidArgumentError: It is a text, and no JSON.
    """
    if not isinstance(value, str):
        return value
    # Snakepit 0.4 writes objects as JSON within JSON.
    try:
        return read_json(value.encode(), special_floats=True)
    except CannotReadError as error:
        raise InvalidArgumentError(
            f"Wrong {argument!r}: it is a text, but no JSON.",
            {"argument": argument, "hint": "Send a map or list as it is, or as JSON."},
        ) from error


def _wrong(argument: str, wanted: str, found: Any) -> InvalidArgumentError:
    return InvalidArgumentError(
        f"Wrong {argument!r}: expected {wanted}, got something of type {type(found).__name__!r}.",
        {"argument": argument},
    )
