from __future__ import annotations

from zoneinfo import ZoneInfo

import pytest

from snakepit_bridge.values.time_zones import zone_named


def test_a_zone_is_found_by_its_name() -> None:
    assert zone_named("Europe/Berlin") == ZoneInfo("Europe/Berlin")


@pytest.mark.parametrize(
    "key", ["", "Nope", "Europe", "/etc/passwd", "../zone", "__init__/x", "\0", "\ud800", "x" * 999]
)
def test_what_is_no_name_of_a_zone_finds_none(key: str) -> None:
    """Where the package tzdata is installed, ``__init__/x`` once failed with a ``TypeError``."""
    assert zone_named(key) is None
