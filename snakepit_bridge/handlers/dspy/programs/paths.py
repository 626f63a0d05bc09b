"""Parts of a value, reached by the names that data has for them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from snakepit_bridge.errors import DSPyError, ErrorCode
from snakepit_bridge.nearest import nearest

LONGEST = 16
"""Names of one path."""


def part_of(value: Any, path: Sequence[str], source: str) -> Any:
    """What lies at the end of a path; ``None`` once something on it is ``None``.

    Only data is entered, so that no name reaches an attribute.

    Args:
        value: Where the path begins.
        path: Names of members, and numbers of items.
        source: As the caller wrote it, for the error.

    Raises:
        DSPyError: There is no such part.
    """
    for name in path:
        if value is None:
            return None
        value = _member(_as_data(value), name, source)
    return value


def _as_data(value: Any) -> Any:
    dump = getattr(type(value), "model_dump", None)
    if callable(dump):
        return value.model_dump(mode="json")
    to_dict = getattr(type(value), "toDict", None)
    return value.toDict() if callable(to_dict) else value


def _member(value: Any, name: str, source: str) -> Any:
    if isinstance(value, Mapping) and name in value:
        return value[name]
    if isinstance(value, (list, tuple)) and name.isdecimal() and int(name) < len(value):
        return value[int(name)]
    near = nearest(name, map(str, value)) if isinstance(value, Mapping) else None
    raise DSPyError(
        f"{source!r} leads to nothing: there is no {name!r} in a {type(value).__name__}.",
        {"source": source, "hint": f"Did you mean {near!r}?" if near else ""},
        code=ErrorCode.INVALID_ARGUMENT,
    )
