"""One event, as it is kept until somebody reads it."""

from __future__ import annotations

import numbers
import time
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from collections.abc import Mapping

MAX_TEXT = 4096
"""Characters kept of a text: an event tells what happened, it carries no payload, and one too large
for the wire would end the stream."""

_INT64 = range(-(2**63), 2**63)


class Event(msgspec.Struct, frozen=True):
    """What happened, in values of its own: nothing in here changes any more."""

    name: str
    measurements: Mapping[str, int | float | str]
    metadata: Mapping[str, str]
    timestamp_ns: int
    """Since 1970."""

    correlation_id: str
    """Empty where it belongs to no call."""


def event_now(
    name: str,
    measurements: Mapping[str, object],
    metadata: Mapping[str, object] | None = None,
    correlation_id: str | None = None,
) -> Event:
    """An event that happens now.

    Numbers stay numbers as far as the wire has them (64 bit); everything else becomes text.
    """
    return Event(
        _text(name),
        {_text(key): _measurement(value) for key, value in measurements.items()},
        {_text(key): _text(value) for key, value in (metadata or {}).items()},
        time.time_ns(),
        _text(correlation_id or ""),
    )


def _measurement(value: object) -> int | float | str:
    match value:
        case int() if type(value) is int and value in _INT64:
            return value  # nearly all of them are
        case float():
            return float(value)
        case numbers.Integral() if int(value) in _INT64:
            return int(value)
        case numbers.Real():
            return _float(value)
        case _:
            return _text(value)


def _float(value: numbers.Real) -> float | str:
    try:
        return float(value)
    except OverflowError:
        return _text(value)


def _text(value: object) -> str:
    text = value if type(value) is str else str(value)
    text = text[:MAX_TEXT]
    # A lone surrogate cannot travel; its escape can.
    return text if text.isascii() else text.encode(errors="backslashreplace").decode()
