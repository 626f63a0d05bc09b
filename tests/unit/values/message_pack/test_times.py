from __future__ import annotations

import struct
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta, timezone, tzinfo
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from snakepit_bridge.values.message_pack.times import (
    date_bytes,
    date_from,
    datetime_bytes,
    datetime_from,
    time_bytes,
    time_from,
    timedelta_bytes,
    timedelta_from,
)
from tests.unit.values.strategies import DATETIMES, OFFSETS, same

DAY = struct.pack(">HBB", 2026, 7, 11)
CLOCK = struct.pack(">BBBBI", 10, 30, 0, 0, 0)
MOMENT = DAY + CLOCK
NOON = datetime(2026, 7, 11, 10, 30, tzinfo=UTC)
UNKNOWN = struct.pack(">q", -(2**63))


def _offset(hours: int) -> bytes:
    return struct.pack(">q", hours * 3_600_000_000)


@given(value=DATETIMES)
def test_datetimes_come_back(value: datetime) -> None:
    assert same(datetime_from(datetime_bytes(value)), value)


@given(value=st.times(timezones=st.none() | OFFSETS | st.just(ZoneInfo("Europe/Berlin"))))
def test_times_come_back(value: time) -> None:
    assert same(time_from(time_bytes(value)), value)


@given(day=st.dates(), length=st.timedeltas())
def test_dates_and_timedeltas_come_back(day: date, length: timedelta) -> None:
    assert date_from(date_bytes(day)) == day
    assert timedelta_from(timedelta_bytes(length)) == length


def test_an_offset_may_have_microseconds() -> None:
    value = NOON.replace(tzinfo=timezone(timedelta(microseconds=-1)))

    assert same(datetime_from(datetime_bytes(value)), value)


def test_zones_without_a_name_travel_as_their_offset() -> None:
    class Odd(tzinfo):
        def utcoffset(self, moment: datetime | None) -> timedelta | None:
            return None if moment is None else timedelta(hours=3)

        def dst(self, moment: datetime | None) -> None: ...

        def tzname(self, moment: datetime | None) -> str:
            return "odd"

    arrived = datetime_from(datetime_bytes(NOON.replace(tzinfo=Odd())))

    assert same(arrived, NOON.replace(tzinfo=timezone(timedelta(hours=3))))
    assert same(time_from(time_bytes(time(1, tzinfo=Odd()))), time(1))


@pytest.mark.parametrize("name", ["Mars/Olympus", "../etc/passwd", "America", "\0", "x" * 99])
def test_a_zone_that_is_not_known_here_becomes_its_offset(name: str) -> None:
    payload = MOMENT + _offset(2) + name.encode()

    assert same(datetime_from(payload), NOON.replace(tzinfo=timezone(timedelta(hours=2))))


def test_a_zone_with_other_rules_than_the_sender_has_becomes_the_offset() -> None:
    agreed = datetime_from(MOMENT + _offset(2) + b"Europe/Berlin")
    disputed = datetime_from(MOMENT + _offset(1) + b"Europe/Berlin")

    assert same(agreed, NOON.replace(tzinfo=ZoneInfo("Europe/Berlin")))
    assert same(disputed, NOON.replace(tzinfo=timezone(timedelta(hours=1))))


@pytest.mark.parametrize(
    ("read", "payload", "reason"),
    [
        (date_from, DAY[:3], "3 bytes where 4 belong"),
        (date_from, b"\0\0\1\1", "year 0"),
        (time_from, CLOCK[:7], "7 bytes where 8 belong"),
        (time_from, b"\x18" + CLOCK[1:], "hour must be"),
        (time_from, CLOCK[:3] + b"\2" + CLOCK[4:], "fold must be"),
        (time_from, CLOCK + b"\0", "1 bytes where 8 belong"),
        (time_from, CLOCK + UNKNOWN, "neither an offset nor a name"),
        (time_from, CLOCK + UNKNOWN + b"Mars/Olympus", "'Mars/Olympus' is not known"),
        (time_from, CLOCK + _offset(24), "strictly between"),
        (datetime_from, MOMENT[:11], "11 bytes where 12 belong"),
        (datetime_from, b"\0\0" + MOMENT[2:], "year 0"),
        (datetime_from, MOMENT + UNKNOWN + b"Europe/Berlin", "no offset"),
        (datetime_from, MOMENT + _offset(-24), "strictly between"),
        (datetime_from, MOMENT + _offset(1) + b"x" * 101, "101 bytes"),
        (datetime_from, MOMENT + _offset(1) + b"\xff", "invalid start byte"),
        (timedelta_from, bytes(11), "11 bytes where 12 belong"),
        (timedelta_from, struct.pack(">iII", 0, 86_400, 0), "out of range"),
        (timedelta_from, struct.pack(">iII", 0, 0, 1_000_000), "out of range"),
    ],
)
def test_payloads_that_are_none_are_refused(
    read: Callable[[bytes], Any], payload: bytes, reason: str
) -> None:
    with pytest.raises(ValueError, match=reason):
        read(payload)
