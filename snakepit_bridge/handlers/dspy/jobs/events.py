"""The events of a job, kept for as many readers as want them."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncGenerator, Callable
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import msgspec

MAX_EVENTS = 10_000
"""Events kept of one job; readers who come later miss the older ones."""

MAX_BYTES = 16 * 2**20
"""The same limit for events that are long."""

_BATCH = 256
"""Events a reader takes at once, so that a long past does not hold up its loop."""


class EventRing:
    """Numbers the events of one job and keeps the latest. Safe from any thread and any loop.

    Args:
        max_events: How many are kept.
        max_bytes: How long they may be together, as JSON.
        now: The wall-clock time, aware.
    """

    def __init__(
        self,
        *,
        max_events: int = MAX_EVENTS,
        max_bytes: int = MAX_BYTES,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._max_events = max_events
        self._max_bytes = max_bytes
        self._now = now
        self._lock = threading.Lock()
        self._kept: dict[int, tuple[dict[str, Any], int]] = {}
        self._oldest = 1
        self._last = 0
        self._bytes = 0
        self._is_over = False
        self._waiting: set[_Waiter] = set()

    @property
    def last(self) -> int:
        """The number of the latest event; 0 before the first."""
        return self._last

    def add(self, event: dict[str, Any]) -> None:
        """Keep an event, under the next number; what comes after the end is dropped."""
        size = len(msgspec.json.encode(event, enc_hook=repr))
        with self._lock:
            if self._is_over:
                return
            self._last += 1
            numbered = {"seq": self._last, "time": self._now().isoformat(), **event}
            self._kept[self._last] = (numbered, size)
            self._bytes += size
            while len(self._kept) > self._max_events or self._bytes > self._max_bytes:
                self._bytes -= self._kept.pop(self._oldest)[1]
                self._oldest += 1
            waiting, self._waiting = self._waiting, set()
        _wake(waiting)

    def close(self) -> None:
        """There will be no more; readers end when they have read what there is."""
        with self._lock:
            self._is_over = True
            waiting, self._waiting = self._waiting, set()
        _wake(waiting)

    async def follow(self, after: int = 0) -> AsyncGenerator[dict[str, Any], None]:
        """The events after this number, until the last one of the job.

        Where some are no longer kept, ``{"event": "missed", "count"}`` stands for them.
        """
        while True:
            batch, is_over, waiter = self._after(after)
            for event in batch:
                yield event
                after = event["seq"]
            if not batch:
                if is_over:
                    return
                await self._wait(waiter)

    def _after(self, after: int) -> tuple[list[dict[str, Any]], bool, _Waiter]:
        waiter = _Waiter()
        with self._lock:
            batch = []
            first = max(after + 1, self._oldest)
            if after + 1 < self._oldest:
                batch.append(self._missed(after))
            numbers = range(first, min(first + _BATCH, self._last + 1))
            batch.extend(dict(self._kept[number][0]) for number in numbers)
            if not batch and not self._is_over:
                self._waiting.add(waiter)
            return batch, self._is_over, waiter

    def _missed(self, after: int) -> dict[str, Any]:
        # Its number is that of the last one missed, so that a reader can go on from it.
        last = self._oldest - 1
        time = self._now().isoformat()
        return {"seq": last, "time": time, "event": "missed", "count": last - max(after, 0)}

    async def _wait(self, waiter: _Waiter) -> None:
        try:
            await waiter.woken.wait()
        finally:
            with self._lock:
                self._waiting.discard(waiter)


class _Waiter:
    """A reader that has read everything, asleep on its loop."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self.woken = asyncio.Event()

    def wake(self) -> None:
        with suppress(RuntimeError):  # its loop has closed
            self._loop.call_soon_threadsafe(self.woken.set)


def _wake(waiting: set[_Waiter]) -> None:
    for waiter in waiting:
        waiter.wake()
