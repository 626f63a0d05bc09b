from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from snakepit_bridge.clock import Clock
from snakepit_bridge.testing import FakeClock


def test_time_passes_only_when_it_is_told_to() -> None:
    start = datetime(2031, 5, 6, tzinfo=UTC)
    clock: Clock = FakeClock(start)
    assert (clock.monotonic(), clock.now()) == (0.0, start)

    assert isinstance(clock, FakeClock)
    clock.advance(90)

    assert (clock.monotonic(), clock.now()) == (90.0, start + timedelta(seconds=90))


def test_time_does_not_run_backwards() -> None:
    clock = FakeClock()

    with pytest.raises(ValueError, match="backwards: -1"):
        clock.advance(-1)
