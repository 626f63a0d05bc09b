"""Values of any size as short plain data, in which no secret is."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from typing import Any

from snakepit_bridge.handlers.dspy.secrets import without_secrets
from snakepit_bridge.handlers.failures import bounded, failure_from

MAX_CHARACTERS = 10_000
"""Of one value, all its texts together."""

MAX_ITEMS = 1000
"""Parts of one value, at any depth."""

NESTING = 12

MAX_NAME = 256
"""Characters of a name that callers or models make up."""


def brief(value: Any, hidden: Collection[str] = ()) -> Any:
    """The value as data that JSON can carry, cut where it is long.

    No code of the value's own class is run, so this cannot fail: what is no data is named by its
    class.

    Args:
        value: Anything.
        hidden: Secrets to be replaced.
    """
    return _Brief(hidden).of(value, NESTING)


def brief_name(value: str, hidden: Collection[str] = ()) -> str:
    """A name, cut where it is long."""
    return bounded(without_secrets(value, hidden), MAX_NAME)


def brief_error(error: BaseException, hidden: Collection[str] = ()) -> str:
    """What an exception says, after its class."""
    said = failure_from(error, command="").foreign_message or getattr(error, "message", "")
    text = f"{type(error).__name__}: {said}" if said else type(error).__name__
    return bounded(without_secrets(text, hidden), MAX_CHARACTERS)


class _Brief:
    """One value, and how much of it may still be taken."""

    def __init__(self, hidden: Collection[str]) -> None:
        self._hidden = hidden
        self._characters = MAX_CHARACTERS
        self._items = MAX_ITEMS

    def of(self, value: Any, depth: int) -> Any:
        self._items -= 1
        kind = type(value)
        if value is None or kind in {bool, int, float}:
            return _number(value)
        if issubclass(kind, str):
            return self._text(str.__str__(value))
        parts = _parts(value, kind)
        if parts is None or depth == 0:
            return self._text(f"<{kind.__name__}>")
        if isinstance(parts, dict):
            return {
                self._name(name): self.of(each, depth - 1)
                for name, each in parts.items()
                if self._has_room()
            }
        return [self.of(each, depth - 1) for each in parts if self._has_room()]

    def _has_room(self) -> bool:
        return self._items > 0 and self._characters > 0

    def _name(self, name: Any) -> str:
        if issubclass(type(name), str):
            return self._text(str.__str__(name))
        return self._text(
            str(name) if type(name) in {int, float, bool} else f"<{type(name).__name__}>"
        )

    def _text(self, text: str) -> str:
        # A secret that is cut in two would no longer be found, so it is looked for first.
        text = bounded(without_secrets(text, self._hidden), max(self._characters, _SHORTEST))
        self._characters -= len(text)
        return text


_SHORTEST = 100
"""Characters kept of a text after the room is used up; less would say nothing of how long it is."""

_MOST_BITS = 4096
"""Of a number; writing one takes time that grows with the square of its digits."""


def _number(value: Any) -> Any:
    if type(value) is int and value.bit_length() > _MOST_BITS:
        return f"<int of {value.bit_length()} bits>"
    if type(value) is float and not math.isfinite(value):
        return str(value)  # JSON has no form for it
    return value


def _parts(value: Any, kind: type) -> dict[Any, Any] | Sequence[Any] | None:
    """What a value consists of, copied: other threads may change it meanwhile."""
    if issubclass(kind, dict):
        return dict.copy(value)
    if issubclass(kind, list):
        return list.__getitem__(value, slice(MAX_ITEMS))
    if issubclass(kind, tuple):
        return tuple.__getitem__(value, slice(MAX_ITEMS))
    if issubclass(kind, (set, frozenset)):
        return list(set().union(value))[:MAX_ITEMS]
    return _fields(value, kind)


def _fields(value: Any, kind: type) -> dict[Any, Any] | None:
    """The fields of the two kinds of records that DSPy's tools and modules answer with."""
    kinds = {(each.__module__, each.__name__) for each in kind.__mro__}
    if ("pydantic.main", "BaseModel") in kinds:
        return dict(object.__getattribute__(value, "__dict__"))
    if ("dspy.primitives.example", "Example") in kinds:
        return dict(object.__getattribute__(value, "__dict__")["_store"])
    return None
