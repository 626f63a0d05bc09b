"""How large the description of a signature or a program may be."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from snakepit_bridge.errors import InvalidArgumentError

MOST_TEXT = 64 * 1024
"""Characters of all texts and names together, and one more for each value."""

DEEPEST = 100
"""Levels of lists and objects; a schema of 16 levels has fewer."""


def check_size(data: Any, what: str) -> None:
    """Refuse data that takes too long to read, or that nobody can write.

    Raises:
        InvalidArgumentError: It is too long or too deep, or has half a character.
    """
    size, pending = 0, [(data, 0)]
    while pending:
        value, depth = pending.pop()
        size += 1 + (len(value) if isinstance(value, (str, bytes)) else 0)
        if isinstance(value, str) and not _has_code(value):
            raise InvalidArgumentError(
                f"The {what} has half a character (a lone surrogate) in {ascii(value)[:100]}.",
                {"hint": "Send it as UTF-8."},
            )
        if size > MOST_TEXT:
            raise _too_large(what, f"longer than {MOST_TEXT} characters")
        if depth > DEEPEST:
            raise _too_large(what, f"nested deeper than {DEEPEST} levels")
        inner: list[Any] = []
        if isinstance(value, Mapping):
            inner = [*value.keys(), *value.values()]
        elif isinstance(value, (list, tuple)):
            inner = list(value)
        pending += [(each, depth + 1) for each in inner]


def _has_code(text: str) -> bool:
    """Whether UTF-8, as which a language model gets it, has a code for all of a text."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _too_large(what: str, why: str) -> InvalidArgumentError:
    return InvalidArgumentError(f"The {what} is {why}.", {"hint": "Describe less, or in parts."})
