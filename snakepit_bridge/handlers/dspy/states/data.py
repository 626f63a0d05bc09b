"""Values of DSPy's states as plain JSON data."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Collection, Iterable, Mapping
from datetime import date, time
from enum import Enum
from math import isfinite
from typing import Any
from uuid import UUID

from snakepit_bridge.errors import InvalidArgumentError
from snakepit_bridge.handlers.dspy.secrets import without_secrets
from snakepit_bridge.values.paths import Step, path_text
from snakepit_bridge.values.refusals import MAX_DEPTH, has_lone_surrogate

HINT = "A state holds text, numbers, booleans, null, lists and objects with text as keys."


class JsonForm:
    """Copies values as JSON would hold them.

    Examples and models of pydantic become objects, tuples lists, dates text; everything else that
    JSON does not know is refused with its place.

    Args:
        dspy: The module.
    """

    def __init__(self, dspy: Any) -> None:
        self._dspy = dspy

    def of(self, value: Any) -> Any:
        """The value in exact ``dict``, ``list``, ``str``, ``int``, ``float``, ``bool``, ``None``.

        Raises:
            InvalidArgumentError: Something in it has no such form; the message says where.
        """
        return self._form(value, ())

    def _form(self, value: Any, steps: tuple[Step, ...]) -> Any:
        if len(steps) > MAX_DEPTH:
            raise _formless(steps, "is nested too deeply")
        value = self._simpler(value)
        if isinstance(value, Mapping):
            return {
                self._key(name, steps): self._form(each, (*steps, name))
                for name, each in value.items()
            }
        if isinstance(value, (list, tuple)):
            return [self._form(each, (*steps, index)) for index, each in enumerate(value)]
        return _leaf(value, steps)

    def _simpler(self, value: Any) -> Any:
        if isinstance(value, Enum):
            return value.value
        if isinstance(value, (self._dspy.Example, self._dspy.Completions)):
            return dict(value.items())
        if isinstance(value, (date, time)):
            return value.isoformat()
        return str(value) if isinstance(value, UUID) else _fields(value)

    def _key(self, name: Any, steps: tuple[Step, ...]) -> str:
        if not isinstance(name, str):
            raise _formless(steps, f"has the key {name!r:.80}, which is no text")
        return str(_leaf(name, steps))


def _fields(value: Any) -> Any:
    """The fields of a model or dataclass; anything else as it is."""
    if isinstance(value, type):
        return value
    if callable(getattr(type(value), "model_dump", None)):
        return value.model_dump(mode="json")
    if dataclasses.is_dataclass(value):
        return {each.name: getattr(value, each.name) for each in dataclasses.fields(value)}
    return value


def _leaf(value: Any, steps: tuple[Step, ...]) -> Any:
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        if has_lone_surrogate(value):
            raise _formless(steps, "has a lone surrogate, which is half a character")
        return str(value)
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        if not isfinite(value):
            raise _formless(steps, f"is {value}, a number that JSON lacks")
        return float(value)
    raise _formless(steps, f"is a {type(value).__module__}.{type(value).__qualname__}")


def _formless(steps: Iterable[Step], why: str) -> InvalidArgumentError:
    place = path_text(list(steps))
    return InvalidArgumentError(
        f"The state has no JSON form: {place} {why}.", {"place": place, "hint": HINT}
    )


def without_secrets_in(value: Any, hidden: Collection[str]) -> Any:
    """JSON data with every secret in its texts replaced by stars, keys included."""
    return _mapped(value, lambda text: without_secrets(text, hidden)) if hidden else value


def _mapped(value: Any, change: Callable[[str], str]) -> Any:
    if isinstance(value, str):
        return change(value)
    if isinstance(value, dict):
        return {change(name): _mapped(each, change) for name, each in value.items()}
    if isinstance(value, list):
        return [_mapped(each, change) for each in value]
    return value
