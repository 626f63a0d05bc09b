"""Values of every kind that the lossless encodings carry, and what makes two of them the same."""

from __future__ import annotations

import math
import struct
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from hypothesis import strategies as st

_ZONES = [ZoneInfo(name) for name in ("UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata")]

_MOST_MINUTES = 24 * 60 - 1

OFFSETS = st.integers(-_MOST_MINUTES, _MOST_MINUTES).map(
    lambda minutes: timezone(timedelta(minutes=minutes))
) | st.just(UTC)
"""Fixed time zones."""

TIMEZONES = st.none() | OFFSETS | st.sampled_from(_ZONES)
"""No zone, fixed ones and named ones."""

TEXT = st.text(max_size=20) | st.sampled_from(["", "__type__", "__schema__", "\\u005f_type__"])
"""Text, some of it dangerous as a key."""

DECIMALS = st.decimals(allow_nan=False) | st.sampled_from(
    [Decimal("NaN"), Decimal("-NaN"), Decimal("Infinity"), Decimal("-Infinity"), Decimal("-0.00")]
)
"""Every decimal but payloads and signalling NaNs, which do not compare."""

DATETIMES = st.datetimes(timezones=TIMEZONES, allow_imaginary=True)
"""Each fold, with and without a zone."""

HASHABLE_LEAVES: st.SearchStrategy[Any] = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(-(10**700), 10**700)
    | st.floats()
    | TEXT
    | DECIMALS
    | DATETIMES
    | st.dates()
    | st.times(timezones=st.none() | OFFSETS)
    | st.timedeltas()
    | st.uuids()
    | st.binary(max_size=40)
    | st.complex_numbers()
    | st.just(...)
)
"""Values that hold no others."""

HASHABLE: st.SearchStrategy[Any] = st.recursive(
    HASHABLE_LEAVES,
    lambda inner: (
        st.tuples(inner, inner)
        | st.lists(inner, max_size=3).map(tuple)
        | st.frozensets(inner, max_size=3)
    ),
    max_leaves=4,
)
"""Values that may be keys or members of a set."""

ANY_VALUE: st.SearchStrategy[Any] = st.recursive(
    HASHABLE_LEAVES | HASHABLE | st.builds(slice, HASHABLE_LEAVES, st.none() | st.integers()),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.lists(inner, max_size=4).map(tuple)
        | st.dictionaries(TEXT, inner, max_size=4)
        | st.dictionaries(HASHABLE, inner, max_size=3)
        | st.sets(HASHABLE, max_size=3)
        | st.frozensets(HASHABLE, max_size=3)
    ),
    max_leaves=12,
)
"""Values of every kind, nested."""


def same(a: Any, b: Any) -> bool:
    """Whether two values are equal and of the same types, all the way down.

    NaN is NaN, 0.0 is not -0.0, 1 is not True, Decimal("1.0") is not Decimal("1.00"); dicts have
    their members in the same order.
    """
    if type(a) is not type(b):
        return False
    compare = _COMPARISONS.get(type(a))
    return bool(a == b) if compare is None else compare(a, b)


def _same_floats(a: float, b: float) -> bool:
    return (math.isnan(a) and math.isnan(b)) or struct.pack("d", a) == struct.pack("d", b)


def _same_rows(a: Any, b: Any) -> bool:
    return len(a) == len(b) and all(map(same, a, b))


def _same_sets(a: Any, b: Any) -> bool:
    # Members such as NaN are found by no lookup, so each one is looked for by hand.
    left = list(b)
    for member in a:
        place = next((index for index, other in enumerate(left) if same(member, other)), None)
        if place is None:
            return False
        del left[place]
    return not left


def _same_datetimes(a: Any, b: Any) -> bool:
    return (
        a.replace(tzinfo=None) == b.replace(tzinfo=None)
        and a.fold == b.fold
        and _same_zones(a.tzinfo, b.tzinfo)
    )


def _same_zones(a: Any, b: Any) -> bool:
    if isinstance(a, ZoneInfo):
        return isinstance(b, ZoneInfo) and a.key == b.key
    return bool(a == b)


_COMPARISONS: Mapping[type, Callable[[Any, Any], bool]] = {
    float: _same_floats,
    complex: lambda a, b: _same_floats(a.real, b.real) and _same_floats(a.imag, b.imag),
    Decimal: lambda a, b: a.as_tuple() == b.as_tuple(),
    datetime: _same_datetimes,
    time: _same_datetimes,
    date: date.__eq__,
    UUID: UUID.__eq__,
    list: _same_rows,
    tuple: _same_rows,
    dict: lambda a, b: _same_rows(list(a), list(b)) and _same_rows([*a.values()], [*b.values()]),
    set: _same_sets,
    frozenset: _same_sets,
    slice: lambda a, b: _same_rows([a.start, a.stop, a.step], [b.start, b.stop, b.step]),
}
