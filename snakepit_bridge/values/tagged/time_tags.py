"""Tags of what Python's datetime module makes."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta, timezone, tzinfo
from typing import Any, TypeVar
from zoneinfo import ZoneInfo

from snakepit_bridge.values.refusals import CannotWriteError
from snakepit_bridge.values.tagged.tags import (
    Members,
    TagError,
    optional_text,
    shown,
    tag,
    text_field,
    whole_field,
)
from snakepit_bridge.values.time_zones import zone_named

_T = TypeVar("_T", datetime, time)

_TINY_OFFSET = re.compile(r"([+-])00:00:00\.([0-9]{6})\Z", re.ASCII)

_LONGEST_ISO = 64
"""Characters; Python writes at most 42."""


def date_tag(value: date) -> dict[str, Any]:
    """``date`` with its ISO text as ``value``."""
    return tag("date", value=value.isoformat())


def read_date(members: Members) -> date:
    """Read a ``date``; raises ``TagError``."""
    text = _iso_text(members)
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise _no(text, "date", error) from error


def datetime_tag(value: datetime) -> dict[str, Any]:
    """``datetime`` with its ISO text as ``value``, ``zone`` and ``fold`` where it has them.

    Raises:
        CannotWriteError: Its time zone gives no offset.
    """
    return tag("datetime", **_time_fields(value))


def read_datetime(members: Members) -> datetime:
    """Read a ``datetime``.

    Where the named zone is unknown here, or does not have the offset of the text at that time,
    the offset counts: the moment stays the same.

    Raises:
        TagError: It is malformed.
    """
    text = _iso_text(members)
    try:
        value = _parsed(datetime.fromisoformat, text).replace(fold=_fold(members))
    except ValueError as error:
        raise _no(text, "time with a date", error) from error
    zone = _zone(members, needed=value.tzinfo is None)
    if zone is None:
        return value
    offset = value.utcoffset()
    if offset is None:
        return value.replace(tzinfo=zone)
    for fold in (value.fold, 1 - value.fold):
        there = value.replace(tzinfo=zone, fold=fold)
        if there.utcoffset() == offset:
            return there
    return value


def time_tag(value: time) -> dict[str, Any]:
    """``time``; as ``datetime_tag``."""
    return tag("time", **_time_fields(value))


def read_time(members: Members) -> time:
    """Read a ``time``; raises ``TagError``."""
    text = _iso_text(members)
    try:
        value = _parsed(time.fromisoformat, text).replace(fold=_fold(members))
    except ValueError as error:
        raise _no(text, "time", error) from error
    zone = _zone(members, needed=value.tzinfo is None)
    if zone is None:
        return value
    there = value.replace(tzinfo=zone)
    return there if there.utcoffset() == value.utcoffset() else value


def timedelta_tag(value: timedelta) -> dict[str, Any]:
    """``timedelta`` with the three numbers Python keeps."""
    return tag("timedelta", days=value.days, seconds=value.seconds, microseconds=value.microseconds)


def read_timedelta(members: Members) -> timedelta:
    """Read a ``timedelta``; raises ``TagError``."""
    days, seconds, microseconds = (
        whole_field(members, name) for name in ("days", "seconds", "microseconds")
    )
    try:
        return timedelta(days, seconds, microseconds)
    except OverflowError as error:
        raise TagError("which is longer than 999999999 days") from error


def _time_fields(value: _T) -> dict[str, Any]:
    fields: dict[str, Any] = {"value": value.isoformat()}
    zone = value.tzinfo
    if isinstance(zone, ZoneInfo) and zone.key is not None:
        fields["zone"] = zone.key
    elif zone is not None and value.utcoffset() is None:
        raise CannotWriteError(
            "has a time zone that gives no offset", "Use a zoneinfo.ZoneInfo, or a fixed offset."
        )
    # Whatever the zone says of this hour, the value goes back as it was.
    if value.fold:
        fields["fold"] = 1
    return fields


def _parsed(parse: Callable[[str], _T], text: str) -> _T:
    # Python takes an offset below a second for none.
    match = _TINY_OFFSET.search(text)
    if match is None:
        return parse(text)
    offset = timedelta(microseconds=int(match[1] + match[2]))
    return parse(text[: match.start()]).replace(tzinfo=timezone(offset) if offset else UTC)


def _iso_text(members: Members) -> str:
    text = text_field(members, "value")
    if len(text) > _LONGEST_ISO:
        raise TagError(f'whose "value" has {len(text)} characters')
    return text


def _fold(members: Members) -> int:
    fold = members.get("fold", 0)
    if type(fold) is int and fold in {0, 1}:
        return fold
    raise TagError(f'whose "fold" is {shown(fold)}, not 0 or 1')


def _zone(members: Members, *, needed: bool) -> tzinfo | None:
    """The named zone; where it is unknown here, ``None`` unless it is needed."""
    key = optional_text(members, "zone")
    if not key:
        return None
    zone = zone_named(key)
    if zone is None and needed:
        raise TagError(f'whose "zone" {shown(key)} is unknown here, without an offset in "value"')
    return zone


def _no(text: str, kind: str, error: ValueError) -> TagError:
    # Python's reason says what is out of range, or repeats the text, at any length.
    reason = str(error)
    more = f" ({reason})" if len(reason) < _LONGEST_ISO and "isoformat" not in reason else ""
    return TagError(f'whose "value" {shown(text)} is no {kind}{more}')
