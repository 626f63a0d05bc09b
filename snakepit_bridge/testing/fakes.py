"""Stand-ins for what tests must not wait for."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta


class FakeClock:
    """A ``Clock`` whose time passes only when it is told to.

    Args:
        start: What ``now`` answers at first; aware.
    """

    def __init__(self, start: datetime = datetime(2030, 1, 1, tzinfo=UTC)) -> None:
        self._now = start
        self._monotonic = 0.0

    def monotonic(self) -> float:
        """Seconds that have been let pass."""
        return self._monotonic

    def now(self) -> datetime:
        """The start, and the seconds that have been let pass since."""
        return self._now

    def advance(self, seconds: float) -> None:
        """Let time pass, at least 0 seconds of it."""
        if seconds < 0:
            text = f"time does not run backwards: {seconds!r}"
            raise ValueError(text)
        self._monotonic += seconds
        self._now += timedelta(seconds=seconds)
