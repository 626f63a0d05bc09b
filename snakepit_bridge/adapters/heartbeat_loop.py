"""Sends heartbeats at an interval, until they tell that the host is lost."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from typing import TypeAlias

from snakepit_bridge.adapters.heartbeat_config import HeartbeatConfig
from snakepit_bridge.clock import Clock, SystemClock

Pause: TypeAlias = Callable[[float], Awaitable[object]]
"""Lets seconds pass; ``asyncio.sleep``, or a test's own."""


class HeartbeatLoop:
    """One beat after the other, and how they went.

    Args:
        beat: Sends one; returns whether the host answered, and raises nothing.
        config: How often, and how many misses in a row are too many.
        on_lost: Called when they are too many; again only after the host has answered meanwhile.
        first_contact_s: For so long after the start the host may be missing that has never
            answered: it may not be up yet.
        clock: Measures the times.
        pause: Waits for the next beat.
    """

    def __init__(  # noqa: PLR0913  (what a test has to replace)
        self,
        beat: Callable[[], Awaitable[bool]],
        config: HeartbeatConfig,
        *,
        on_lost: Callable[[], None],
        first_contact_s: float = 0.0,
        clock: Clock | None = None,
        pause: Pause = asyncio.sleep,
    ) -> None:
        self.missed = 0
        """Misses in a row, up to now."""
        self.last_beat: float | None = None
        """When the latest was sent, on the clock's monotonic scale."""
        self.last_answer: float | None = None
        """When the host answered, the last time it did."""
        self.is_lost = False
        """Whether the host is missing for too long."""
        self._beat = beat
        self._config = config
        self._on_lost = on_lost
        self._first_contact_s = first_contact_s
        self._clock = clock or SystemClock()
        self._pause = pause
        self._started = self._clock.monotonic()
        self._is_over = False

    async def run(self) -> None:
        """Beat, until ``stop`` is called or the task is cancelled."""
        self._started = self._clock.monotonic()
        if self._config.initial_delay_ms:
            await self._pause(self._config.initial_delay_ms / 1000)
        while True:
            began = self._clock.monotonic()
            await self.once()
            if self._is_over:
                return
            # From beat to beat, so that a host that takes its time to fail is not noticed later.
            spent_s = self._clock.monotonic() - began
            await self._pause(max(0.0, self._interval_s() - spent_s))

    def stop(self) -> None:
        """Let this beat be the last."""
        self._is_over = True

    async def once(self) -> bool:
        """Send one beat, and say whether the host answered."""
        self.last_beat = self._clock.monotonic()
        answered = await self._beat()
        if answered:
            self.last_answer = self._clock.monotonic()
            self.missed = 0
            self.is_lost = False
            return True
        self.missed += 1
        if not self.is_lost and self._is_missing():
            self.is_lost = True
            self._on_lost()
        return False

    def _is_missing(self) -> bool:
        if self.missed < self._config.max_missed_heartbeats:
            return False
        waited_s = self._clock.monotonic() - self._started
        return self.last_answer is not None or waited_s >= self._first_contact_s

    def _interval_s(self) -> float:
        jitter_ms = random.uniform(0, self._config.jitter_ms)  # noqa: S311  (nothing to guess)
        return (self._config.interval_ms + jitter_ms) / 1000
