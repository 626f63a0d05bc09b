"""Between dates, times and the bytes of their extensions."""

from __future__ import annotations

import struct
from datetime import UTC, date, datetime, time, timedelta, timezone, tzinfo
from zoneinfo import ZoneInfo

from snakepit_bridge.values.time_zones import zone_named

_DATE = struct.Struct(">HBB")
_TIME = struct.Struct(">BBBBI")
_DATETIME = struct.Struct(">HBBBBBBI")
_OFFSET = struct.Struct(">q")
_TIMEDELTA = struct.Struct(">iII")

_UNKNOWN_OFFSET = -(2**63)
_MICROSECOND = timedelta(microseconds=1)

_MOST_NAME = 100
"""Bytes of a zone's name; the longest there is has 32."""


def date_bytes(value: date) -> bytes:
    """See ``DATE``."""
    return _DATE.pack(value.year, value.month, value.day)


def time_bytes(value: time) -> bytes:
    """See ``TIME``."""
    clock = _TIME.pack(value.hour, value.minute, value.second, value.fold, value.microsecond)
    return clock + _zone_bytes(value.tzinfo, value.utcoffset())


def datetime_bytes(value: datetime) -> bytes:
    """See ``DATETIME``."""
    zone = _zone_bytes(value.tzinfo, value.utcoffset())
    day = (value.year, value.month, value.day)
    clock = (value.hour, value.minute, value.second, value.fold, value.microsecond)
    return _DATETIME.pack(*day, *clock) + zone


def timedelta_bytes(value: timedelta) -> bytes:
    """See ``TIMEDELTA``."""
    return _TIMEDELTA.pack(value.days, value.seconds, value.microseconds)


def date_from(payload: bytes) -> date:
    """Read a ``DATE``.

    Raises:
        ValueError: The payload is none.
    """
    return date(*_unpacked(_DATE, payload))


def time_from(payload: bytes) -> time:
    """Read a ``TIME``.

    Raises:
        ValueError: The payload is none.
    """
    hour, minute, second, fold, microsecond = _unpacked(_TIME, payload[: _TIME.size])
    naive = time(hour, minute, second, microsecond, fold=fold)
    offset, name = _zone_parts(payload[_TIME.size :])
    zone = zone_named(name)
    # Only on a given day a named zone has an offset.
    if zone is not None:
        return naive.replace(tzinfo=zone)
    if name and offset is None:
        raise ValueError(f"the time zone {name!r} is not known here")
    return naive.replace(tzinfo=_fixed(offset))


def datetime_from(payload: bytes) -> datetime:
    """Read a ``DATETIME``.

    A named zone that is not known here, or has another offset at that time, becomes the offset.

    Raises:
        ValueError: The payload is none.
    """
    *moment, fold, microsecond = _unpacked(_DATETIME, payload[: _DATETIME.size])
    naive = datetime(*moment, microsecond, fold=fold)  # type: ignore[arg-type,misc]  # noqa: DTZ001
    offset, name = _zone_parts(payload[_DATETIME.size :])
    if name and offset is None:
        raise ValueError("it has no offset from UTC")
    zone = zone_named(name)
    if zone is not None:
        aware = naive.replace(tzinfo=zone)
        if aware.utcoffset() == offset:
            return aware
    return naive.replace(tzinfo=_fixed(offset))


def timedelta_from(payload: bytes) -> timedelta:
    """Read a ``TIMEDELTA``.

    Raises:
        ValueError: The payload is none.
    """
    days, seconds, microseconds = _unpacked(_TIMEDELTA, payload)
    if seconds >= 86_400 or microseconds >= 1_000_000:  # noqa: PLR2004  (of a day, of a second)
        raise ValueError("its seconds or microseconds are out of range")
    return timedelta(days, seconds, microseconds)


def _unpacked(layout: struct.Struct, payload: bytes) -> tuple[int, ...]:
    if len(payload) != layout.size:
        raise ValueError(f"it has {len(payload)} bytes where {layout.size} belong")
    return layout.unpack(payload)


def _zone_bytes(zone: tzinfo | None, offset: timedelta | None) -> bytes:
    if zone is None:
        return b""
    name = (zone.key or "") if isinstance(zone, ZoneInfo) else ""
    if offset is None:
        # Without a name there is nothing to say of this zone, and Python calls the time naive.
        return _OFFSET.pack(_UNKNOWN_OFFSET) + name.encode() if name else b""
    return _OFFSET.pack(offset // _MICROSECOND) + name.encode()


def _zone_parts(payload: bytes) -> tuple[timedelta | None, str]:
    if not payload:
        return None, ""
    (microseconds,) = _unpacked(_OFFSET, payload[: _OFFSET.size])
    name = payload[_OFFSET.size :]
    if len(name) > _MOST_NAME:
        raise ValueError(f"the name of its time zone has {len(name)} bytes")
    if microseconds != _UNKNOWN_OFFSET:
        return timedelta(microseconds=microseconds), name.decode()
    if not name:
        raise ValueError("its time zone has neither an offset nor a name")
    return None, name.decode()


def _fixed(offset: timedelta | None) -> tzinfo | None:
    if offset is None:
        return None
    return timezone(offset) if offset else UTC
