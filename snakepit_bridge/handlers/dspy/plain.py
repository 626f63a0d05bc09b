"""Answers of DSPy as plain data."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from datetime import date, time, timedelta
from decimal import Decimal
from enum import Enum
from typing import Any
from uuid import UUID

from snakepit_bridge.errors import DSPyError

NESTING = 100
"""Levels an answer may have; one that contains itself has more."""

_LEAVES = (str, bool, int, float, complex, bytes, bytearray, Decimal, UUID, date, time, timedelta)
"""Values that every encoding carries or names; ``datetime`` is a ``date``."""


class PlainData:
    """Turns what a call returned into data.

    Args:
        dspy: The module.
        keep: Keeps a live object and returns its ref.
    """

    def __init__(self, dspy: Any, keep: Callable[[Any], str]) -> None:
        self._dspy = dspy
        self._keep = keep

    def answer(self, value: Any) -> Any:
        """The value as data; an answer that *is* a module or a signature, as the ref of it.

        Raises:
            DSPyError: The value, or something inside of it, has no form as data.
            SessionError: It is a module, and the session keeps nothing.
        """
        if self._is_kept(value):
            return self._keep(value)
        return self._data(value, "the answer", NESTING)

    def _is_kept(self, value: Any) -> bool:
        if isinstance(value, type):
            return issubclass(value, self._dspy.Signature)
        return isinstance(value, self._dspy.Module)

    def _data(self, value: Any, place: str, depth: int) -> Any:
        if depth == 0:
            raise _formless(value, place)
        if value is None or (isinstance(value, _LEAVES) and not isinstance(value, Enum)):
            return value
        if isinstance(value, Enum):
            return self._data(value.value, place, depth - 1)
        if isinstance(value, (list, tuple, set, frozenset)):
            return self._series(value, place, depth)
        fields = self._fields(value)
        if fields is not None:
            return {
                key: self._data(each, f"{place}[{key!r}]", depth - 1)
                for key, each in fields.items()
            }
        return self._whole(value, place)

    def _series(self, value: Any, place: str, depth: int) -> Any:
        items = [
            self._data(each, f"{place}[{index}]", depth - 1) for index, each in enumerate(value)
        ]
        kinds = (tuple, set, frozenset)
        return next((kind(items) for kind in kinds if isinstance(value, kind)), items)

    def _fields(self, value: Any) -> Mapping[Any, Any] | None:
        """The parts of something that consists of named parts."""
        if isinstance(value, (self._dspy.Example, self._dspy.Completions)):
            return dict(value.items())
        if isinstance(value, Mapping):
            return value
        if dataclasses.is_dataclass(value) and not isinstance(value, type):
            return {each.name: getattr(value, each.name) for each in dataclasses.fields(value)}
        if isinstance(value, self._dspy.Type) and not self._is_text(value):
            # Their own dump is meant for prompts: markers that only DSPy's adapters read.
            return {name: getattr(value, name) for name in type(value).model_fields}
        return None

    def _whole(self, value: Any, place: str) -> Any:
        """What has a form of its own."""
        if self._is_text(value):
            return str(value.content if isinstance(value, self._dspy.Reasoning) else value.code)
        if callable(getattr(type(value), "model_dump", None)):
            return value.model_dump(mode="json")
        if type(value).__module__.partition(".")[0] == "numpy":
            return value  # the encodings know what to do with arrays
        raise _formless(value, place)

    def _is_text(self, value: Any) -> bool:
        return isinstance(value, (self._dspy.Reasoning, self._dspy.Code))


def _formless(value: Any, place: str) -> DSPyError:
    kind = f"{type(value).__module__}.{type(value).__qualname__}"
    return DSPyError(
        f"There is no data for {place}, which is a {kind}.",
        {"type": kind, "hint": "Call a method whose answer is data, or one module, kept by ref."},
    )
