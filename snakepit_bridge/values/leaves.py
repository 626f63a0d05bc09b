"""What stands, in an encoding that loses nothing, for objects it has no form for."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from typing import Any
from uuid import UUID

import msgspec

from snakepit_bridge.values.beside import Beside
from snakepit_bridge.values.binary.forms import blob_of
from snakepit_bridge.values.blob import Blob
from snakepit_bridge.values.fallback import Fallback
from snakepit_bridge.values.refusals import CannotWriteError
from snakepit_bridge.values.value_types import ValueTypes


class Marker(msgspec.Struct, frozen=True):
    """Stands for something that could be neither written nor kept."""

    members: Mapping[str, Any]
    """As it is on the wire: no tag, though it has a member of that name."""


class Leaves:
    """Brings what an encoding does not know one step nearer to what it knows.

    Args:
        types: Whose values travel as themselves.
        fallback: Makes the markers.
    """

    def __init__(self, types: ValueTypes, fallback: Fallback) -> None:
        self._types = types
        self._fallback = fallback

    def simpler_form(self, value: Any, beside: Beside) -> Any:
        """What stands for a value.

        Returns:
            A ``Registered`` of a registered type, a ``Blob`` of what is or has one; of an
            enum member its value, of other dataclasses and structs a dict, of named tuples a
            tuple, of a subclass of a plain type that type; of everything else a ``Ref``, or a
            ``Marker`` where nothing is kept.

        Raises:
            SessionError: It should be kept, and cannot be.
            CannotWriteError: It has a binary form that cannot be had now.
        """
        if isinstance(value, Blob):
            return value
        registered = self._types.plain(value)
        if registered is not None:
            return registered
        # Before the plain types: numbers of numpy are floats, too.
        blob = blob_of(value)
        if blob is not None:
            return blob
        kind = type(value)
        for known, simplify in _FORMS:
            if issubclass(kind, known) and _is_plain_moment(value):
                return _simplified(value, simplify)
        if dataclasses.is_dataclass(kind):
            names = (field.name for field in dataclasses.fields(kind))
            return {name: getattr(value, name) for name in names if hasattr(value, name)}
        ref = beside.keep(value)
        return Marker(self._fallback.marker(value)) if ref is None else ref


def _simplified(value: Any, simplify: Callable[[Any], Any]) -> Any:
    try:
        return simplify(value)
    except Exception as error:  # methods of a subclass are code of others
        raise CannotWriteError(
            f"is of type {type(value).__name__!r}, whose own code raised {type(error).__name__}",
            "Return a value of the plain type.",
        ) from error


def _is_plain_moment(value: Any) -> bool:
    """Whether a moment or span is one that the plain types have; all else is none and passes.

    Those of pandas may have nanoseconds, or be no moment at all.
    """
    if not isinstance(value, date | timedelta):
        return True
    finer = getattr(value, "nanosecond", 0) or getattr(value, "nanoseconds", 0)
    return not finer and value == value  # noqa: PLR0124  (what is no moment is not even itself)


def _plain_datetime(moment: datetime) -> datetime:
    return datetime.combine(_plain_date(moment), _plain_time(moment.timetz()))


def _plain_date(day: date) -> date:
    return date(day.year, day.month, day.day)


def _plain_time(hour: time) -> time:
    return time(hour.hour, hour.minute, hour.second, hour.microsecond, hour.tzinfo, fold=hour.fold)


# In this order: an enum member may be an int or a str, too.
_FORMS: tuple[tuple[type, Callable[[Any], Any]], ...] = (
    (Enum, lambda member: member.value),
    (str, str.__str__),
    (int, int.__index__),
    (float, float.__float__),
    (dict, dict),
    (list, list),
    (tuple, tuple),
    (set, set),
    (frozenset, frozenset),
    (bytes, bytes),
    (complex, complex),
    (Decimal, Decimal),
    (UUID, lambda name: UUID(int=name.int)),
    (datetime, _plain_datetime),
    (date, _plain_date),
    (time, _plain_time),
    (timedelta, lambda span: timedelta(span.days, span.seconds, span.microseconds)),
    (msgspec.Struct, msgspec.structs.asdict),
)
