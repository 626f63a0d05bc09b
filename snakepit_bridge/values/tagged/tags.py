"""What all tags have in common: their keys, their fields, what is said of a wrong one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias

TYPE_KEY = "__type__"
SCHEMA_KEY = "__schema__"
LEGACY_REF_KEY = "__snakebridge_ref__"

SCHEMA = 1
"""The version of SnakeBridge's tags that is written and read."""

_MAX_SHOWN = 40
"""Characters of a text in an error."""

_MAX_SHOWN_NUMBER = 10**15

Members: TypeAlias = Mapping[str, Any]
"""Of an object with a tag; tags inside are values already."""


class TagError(Exception):
    """The members of an object do not fit its tag; the text ends "is a tag of ...,"."""


def tag(name: str, /, **fields: Any) -> dict[str, Any]:
    """Build a tag; the fields are plain data."""
    return {TYPE_KEY: name, SCHEMA_KEY: SCHEMA, **fields}


def is_reserved(members: Mapping[Any, object]) -> bool:
    """Whether a plain dict would be taken for a tag, if it were written as an object."""
    return TYPE_KEY in members or LEGACY_REF_KEY in members


def field(members: Members, *names: str) -> Any:
    """The first field there is.

    Raises:
        TagError: There is none.
    """
    for name in names:
        if name in members:
            return members[name]
    raise TagError(f'without "{names[0]}"')


def text_field(members: Members, *names: str) -> str:
    """The first field there is, a text.

    Raises:
        TagError: There is none, or it is no text.
    """
    value = field(members, *names)
    if isinstance(value, str):
        return value
    raise TagError(f'whose "{_first(members, names)}" is {shown(value)}, not text')


def whole_field(members: Members, name: str) -> int:
    """A field, an integer.

    Raises:
        TagError: It is missing, or no integer.
    """
    value = field(members, name)
    if type(value) is int:
        return value
    raise TagError(f'whose "{name}" is {shown(value)}, not an integer')


def list_field(members: Members, *names: str) -> list[Any]:
    """The first field there is, a list.

    Raises:
        TagError: There is none, or it is no list.
    """
    value = field(members, *names)
    if type(value) is list:
        return value
    raise TagError(f'whose "{_first(members, names)}" is {shown(value)}, not a list')


def optional_text(members: Members, name: str) -> str:
    """A field, a text; empty where it is missing or null.

    Raises:
        TagError: It is something else.
    """
    value = members.get(name)
    return "" if value is None else text_field(members, name)


def shown(value: object) -> str:
    """A value in an error: short ones as they are, others by their type."""
    if value is None or isinstance(value, float):
        return repr(value)
    if isinstance(value, int) and abs(value) < _MAX_SHOWN_NUMBER:
        return repr(value)
    if isinstance(value, str):
        return ascii(value if len(value) <= _MAX_SHOWN else f"{value[:_MAX_SHOWN]}...")
    return f"of type {type(value).__name__!r}"


def _first(members: Members, names: tuple[str, ...]) -> str:
    return next(name for name in names if name in members)
