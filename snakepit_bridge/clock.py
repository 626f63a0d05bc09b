"""Where time comes from: a protocol, so that tests can let it pass."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """Two readings of time; whoever needs time is given one of these."""

    def monotonic(self) -> float:
        """Seconds from an arbitrary start that never run backwards: for durations."""

    def now(self) -> datetime:
        """The wall-clock time, aware, in UTC: for telling people."""


class SystemClock:
    """The clock of this machine."""

    def monotonic(self) -> float:
        """Seconds of ``time.monotonic``, which is also the event loop's clock."""
        return time.monotonic()

    def now(self) -> datetime:
        """The current time in UTC."""
        return datetime.now(UTC)
