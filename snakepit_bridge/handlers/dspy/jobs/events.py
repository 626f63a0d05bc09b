"""The events of a job, kept for as many readers as want them."""

from __future__ import annotations

import threading
from collections.abc import AsyncGenerator, Callable
from datetime import UTC, datetime
from typing import Any

import msgspec

from snakepit_bridge.handlers.dspy.jobs.clean import encoded, whole
from snakepit_bridge.handlers.dspy.jobs.waiting import Waiter, wake

MAX_EVENTS = 10_000
"""Events kept of one job; readers who come later miss the older ones."""

MAX_BYTES = 16 * 2**20
"""The same limit for events that are long."""

MAX_SHOWN = 4000
"""Characters kept of a value that is no data."""

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
        self._waiting: set[Waiter] = set()

    @property
    def last(self) -> int:
        """The number of the latest event; 0 before the first."""
        return self._last

    def add(self, event: dict[str, Any]) -> None:
        """Keep an event, under the next number; what comes after the end is dropped."""
        plain, size = _sized(event)
        with self._lock:
            if self._is_over:
                return
            self._keep(plain, size)
            waiting, self._waiting = self._waiting, set()
        wake(waiting)

    def close(self, last: dict[str, Any] | None = None) -> None:
        """There will be no more; readers end when they have read what there is.

        Args:
            last: One more event, after which there is none, whoever tells one at the same time.
        """
        plain, size = ({}, 0) if last is None else _sized(last)
        with self._lock:
            if plain and not self._is_over:
                self._keep(plain, size)
            self._is_over = True
            waiting, self._waiting = self._waiting, set()
        wake(waiting)

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

    def _keep(self, event: dict[str, Any], size: int) -> None:
        self._last += 1
        numbered = {"seq": self._last, "time": self._now().isoformat(), **event}
        self._kept[self._last] = (numbered, size)
        self._bytes += size
        while len(self._kept) > self._max_events or self._bytes > self._max_bytes:
            self._bytes -= self._kept.pop(self._oldest)[1]
            self._oldest += 1

    def _after(self, after: int) -> tuple[list[dict[str, Any]], bool, Waiter]:
        waiter = Waiter()
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

    async def _wait(self, waiter: Waiter) -> None:
        try:
            await waiter.woken.wait()
        finally:
            with self._lock:
                self._waiting.discard(waiter)


def _sized(event: dict[str, Any]) -> tuple[dict[str, Any], int]:
    """An event that JSON can say, and its length; never fails, since jobs end by telling so."""
    try:
        return event, len(msgspec.json.encode(event))
    except _UNTOLD:
        return _retold(event)


def _retold(event: dict[str, Any]) -> tuple[dict[str, Any], int]:
    try:
        content = encoded(event, otherwise=_shown)
        return msgspec.json.decode(content), len(content)
    except _UNTOLD:
        # Deeper than can be told, or with keys that are none.
        plain = {"event": event.get("event"), "text": whole(_shown(event))}
        return plain, len(repr(plain))


def _shown(value: Any) -> str:
    """What a value looks like; of those that are long, the beginning."""
    try:
        return repr(value)[:MAX_SHOWN]
    except _UNTOLD:
        return f"<{type(value).__name__}>"


_UNTOLD = (TypeError, ValueError, OverflowError, RecursionError)


def quieter(tell: Callable[[dict[str, Any]], None]) -> Callable[[dict[str, Any]], None]:
    """Without the beginning of every request: a job makes thousands, each of which is told once."""

    def quiet(event: dict[str, Any]) -> None:
        if event.get("event") != "status" and event.get("phase") != "start":
            tell(event)

    return quiet
