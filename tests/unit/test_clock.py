from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

from snakepit_bridge.clock import SystemClock


def test_the_machines_clock_tells_the_time_in_utc() -> None:
    before = datetime.now(UTC)

    now = SystemClock().now()

    assert before <= now <= datetime.now(UTC)
    assert now.utcoffset() == timedelta(0)


def test_the_machines_clock_measures_on_the_scale_of_the_event_loop() -> None:
    before = time.monotonic()

    now = SystemClock().monotonic()

    assert before <= now <= time.monotonic()
