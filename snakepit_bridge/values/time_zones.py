"""Time zones by the names that come over a wire."""

from __future__ import annotations

from functools import cache
from zoneinfo import ZoneInfo, available_timezones


def zone_named(key: str) -> ZoneInfo | None:
    """The zone of an IANA name, or ``None``: nobody knows it here."""
    # Looking for the file of an unknown one takes a fifth of a millisecond, each time, and fails
    # in many ways.
    return ZoneInfo(key) if key in _zone_names() else None


@cache
def _zone_names() -> frozenset[str]:
    return frozenset(available_timezones())
