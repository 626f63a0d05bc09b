from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta, timezone, tzinfo
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from snakepit_bridge.values.refusals import CannotWriteError
from snakepit_bridge.values.tagged.tags import TagError
from snakepit_bridge.values.tagged.time_tags import (
    date_tag,
    datetime_tag,
    read_date,
    read_datetime,
    read_time,
    read_timedelta,
    time_tag,
    timedelta_tag,
)
from tests.unit.values.strategies import DATETIMES, OFFSETS, same

BERLIN = ZoneInfo("Europe/Berlin")


class NoOffset(tzinfo):
    def utcoffset(self, dt: datetime | None, /) -> None:
        return None

    def dst(self, dt: datetime | None, /) -> None:
        raise NotImplementedError

    def tzname(self, dt: datetime | None, /) -> str:
        raise NotImplementedError


@given(value=DATETIMES)
def test_datetimes_come_back_with_zone_and_fold(value: datetime) -> None:
    assert same(read_datetime(datetime_tag(value)), value)


@given(
    value=st.times(timezones=st.none() | OFFSETS | st.just(BERLIN)), fold=st.sampled_from([0, 1])
)
def test_times_come_back_with_zone_and_fold(value: time, fold: int) -> None:
    value = value.replace(fold=fold)

    assert same(read_time(time_tag(value)), value)


@given(day=st.dates(), delta=st.timedeltas())
def test_dates_and_differences_come_back(day: date, delta: timedelta) -> None:
    assert same(read_date(date_tag(day)), day)
    assert same(read_timedelta(timedelta_tag(delta)), delta)


def test_a_named_zone_goes_beside_the_offset() -> None:
    assert datetime_tag(datetime(2026, 7, 1, 12, tzinfo=BERLIN)) == {
        "__type__": "datetime",
        "__schema__": 1,
        "value": "2026-07-01T12:00:00+02:00",
        "zone": "Europe/Berlin",
    }


def test_the_second_of_two_equal_hours_says_so() -> None:
    second = datetime(2026, 10, 25, 2, 30, tzinfo=BERLIN, fold=1)

    assert datetime_tag(second)["fold"] == 1
    assert "fold" not in datetime_tag(second.replace(fold=0))


def test_which_of_two_equal_hours_follows_from_the_offset_alone() -> None:
    members = {"value": "2026-10-25T02:30:00+01:00", "zone": "Europe/Berlin"}

    assert same(read_datetime(members), datetime(2026, 10, 25, 2, 30, tzinfo=BERLIN, fold=1))


@pytest.mark.parametrize("zone", ["Mars/Olympus", "../etc/passwd", "Europe", "a\x00b", "x" * 999])
def test_the_offset_counts_where_the_zone_is_unknown(zone: str) -> None:
    text = "2026-07-01T12:00:00+02:00"

    assert read_datetime({"value": text, "zone": zone}) == datetime.fromisoformat(text)
    assert read_time({"value": "12:00+02:00", "zone": zone}) == time.fromisoformat("12:00+02:00")
    with pytest.raises(TagError, match="is unknown here"):
        read_datetime({"value": "2026-07-01T12:00:00", "zone": zone})
    with pytest.raises(TagError, match="is unknown here"):
        read_time({"value": "12:00:00", "zone": zone})


def test_the_offset_counts_where_the_zone_has_another_one() -> None:
    found = read_datetime({"value": "2026-07-01T12:00:00+05:00", "zone": "Europe/Berlin"})
    at = read_time({"value": "12:00:00+05:00", "zone": "Europe/Berlin"})

    assert found.tzinfo == at.tzinfo == timezone(timedelta(hours=5))


def test_a_zone_without_an_offset_is_enough() -> None:
    members = {"value": "2026-07-01T12:00:00", "zone": "Europe/Berlin"}

    assert same(read_datetime(members), datetime(2026, 7, 1, 12, tzinfo=BERLIN))


def test_what_elixir_writes_is_read() -> None:
    found = read_datetime({"value": "2026-07-01T12:00:00.123Z"})

    assert same(found, datetime(2026, 7, 1, 12, 0, 0, 123_000, tzinfo=UTC))


def test_a_zone_that_gives_no_offset_is_refused() -> None:
    with pytest.raises(CannotWriteError, match="gives no offset"):
        datetime_tag(datetime(2026, 7, 1, tzinfo=NoOffset()))


@pytest.mark.parametrize(
    ("read", "members", "message"),
    [
        (read_date, {}, 'without "value"'),
        (read_date, {"value": "soon"}, "whose \"value\" 'soon' is no date"),
        (
            read_date,
            {"value": "2026-02-30"},
            "whose \"value\" '2026-02-30' is no date (day is out of range for month)",
        ),
        (read_date, {"value": "9" * 99}, 'whose "value" has 99 characters'),
        (read_datetime, {"value": 1}, 'whose "value" is 1, not text'),
        (
            read_datetime,
            {"value": "10000-01-01T00:00"},
            "whose \"value\" '10000-01-01T00:00' is no time with a date",
        ),
        (
            read_datetime,
            {"value": "2026-01-01T00:00+99:00"},
            "whose \"value\" '2026-01-01T00:00+99:00' is no time with a date",
        ),
        (read_datetime, {"value": "2026-01-01", "zone": 5}, 'whose "zone" is 5, not text'),
        (read_datetime, {"value": "2026-01-01", "fold": 2}, 'whose "fold" is 2, not 0 or 1'),
        (read_time, {"value": "12:00", "fold": True}, 'whose "fold" is True, not 0 or 1'),
        (
            read_time,
            {"value": "25:00"},
            "whose \"value\" '25:00' is no time (hour must be in 0..23)",
        ),
        (read_timedelta, {"days": 1, "seconds": 0}, 'without "microseconds"'),
        (
            read_timedelta,
            {"days": 1.0, "seconds": 0, "microseconds": 0},
            'whose "days" is 1.0, not an integer',
        ),
        (
            read_timedelta,
            {"days": 10**9, "seconds": 0, "microseconds": 0},
            "which is longer than 999999999 days",
        ),
        (
            read_timedelta,
            {"days": 0, "seconds": 10**600, "microseconds": 0},
            "which is longer than 999999999 days",
        ),
    ],
)
def test_malformed_times_are_refused(
    read: Callable[[dict[str, Any]], object], members: dict[str, Any], message: str
) -> None:
    with pytest.raises(TagError) as caught:
        read(members)

    assert str(caught.value) == message


@pytest.mark.parametrize("microseconds", [5, -5, 999_999, 1_000_005])
def test_an_offset_below_a_second_is_kept(microseconds: int) -> None:
    zone = timezone(timedelta(microseconds=microseconds))

    moment = read_datetime(datetime_tag(datetime(2026, 1, 2, tzinfo=zone)))

    assert moment.utcoffset() == timedelta(microseconds=microseconds)
    assert read_time(time_tag(time(3, tzinfo=zone))).utcoffset() == moment.utcoffset()
