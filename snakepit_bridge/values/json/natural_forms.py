"""The plain forms of Python's own kinds of value."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from datetime import date, time
from enum import Enum
from typing import Any
from uuid import UUID

import msgspec

from snakepit_bridge.values.fallback import Fallback
from snakepit_bridge.values.snakepit.zero_copy import ZERO_COPY_KEY, ZeroCopyRef


def simpler_form(value: Any, fallback: Fallback) -> Any:
    """Bring a value one step nearer to plain data.

    Enum members become their value, subclasses of the plain types these types, named tuples,
    dataclasses and structs a dict of their fields (those that are set), dates and times ISO
    text, UUIDs text, handles their description. For everything else the fallback decides.
    """
    # type(), not isinstance(): a lazy proxy claims a class whose methods do not take it.
    kind = type(value)
    for known, simplify in _FORMS:
        if issubclass(kind, known):
            return simplify(value)
    if dataclasses.is_dataclass(kind):
        names = (field.name for field in dataclasses.fields(kind))
        return {name: getattr(value, name) for name in names if hasattr(value, name)}
    return fallback.convert(value)


def _fields_or_members(value: Any) -> Any:
    return value._asdict() if hasattr(value, "_asdict") else list(value)


# In this order: an enum member may be an int or a str, too.
_FORMS: tuple[tuple[type, Callable[[Any], Any]], ...] = (
    (Enum, lambda member: member.value),
    (str, str.__str__),
    (int, int.__index__),
    (float, float.__float__),
    (dict, dict),
    (list, list),
    (tuple, _fields_or_members),
    (date, lambda day: day.isoformat()),
    (time, lambda hour: hour.isoformat()),
    (UUID, str),
    (msgspec.Struct, msgspec.structs.asdict),
    (ZeroCopyRef, lambda handle: {ZERO_COPY_KEY: True, **handle.payload}),
)
