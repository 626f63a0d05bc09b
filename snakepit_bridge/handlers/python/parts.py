"""The part of a result that lies at the end of a path."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from snakepit_bridge.errors import InvalidArgumentError
from snakepit_bridge.values.paths import path_text


def part_of(result: Any, path: Sequence[Any], attribute: Callable[[Any, str], Any]) -> Any:
    """Follow a path: keys of dicts, indexes of lists and tuples, else attributes.

    Args:
        result: Where the path begins.
        path: Its steps.
        attribute: Reads one that callers may read.

    Raises:
        InvalidArgumentError: A step leads nowhere.
        NotAllowedError: A step leads to an attribute that is not allowed.
    """
    for number, step in enumerate(path, 1):
        if isinstance(result, (dict, list, tuple)) and not _is_field(result, step):
            try:
                result = result[step]
            except (LookupError, TypeError) as error:
                raise _nowhere(path[:number], result) from error
        elif isinstance(step, str):
            result = attribute(result, step)
        else:
            raise _nowhere(path[:number], result)
    return result


def _is_field(result: Any, step: Any) -> bool:
    """Whether the step names a field of a named tuple."""
    return isinstance(result, tuple) and step in getattr(type(result), "_fields", ())


def _nowhere(path: Sequence[Any], value: Any) -> InvalidArgumentError:
    where = path_text([step if isinstance(step, (str, int)) else repr(step) for step in path])
    kind = type(value).__qualname__
    return InvalidArgumentError(
        f"{where} leads nowhere in the result: there is {kind!r} before its last step.",
        {"path": where, "hint": "Steps are keys of dicts, indexes of lists, or attributes."},
    )
