"""The events that wait for one reader."""

from __future__ import annotations

import asyncio
from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING

from snakepit_bridge.telemetry.controls import Controls

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from snakepit_bridge.telemetry.event import Event


class Subscription:
    """A bounded queue with controls of its own, read on a loop.

    Its owner keeps two threads from adding at once.

    Args:
        loop: The loop that reads.
        limit: Events that wait at most.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, limit: int) -> None:
        self.controls = Controls()
        """What the reader has asked for so far."""
        self.loop = loop
        self._limit = limit
        self._waiting: deque[Event] = deque()
        self._ready = asyncio.Event()
        self._is_waking = False
        self._is_over = False

    def __len__(self) -> int:
        """How many events wait."""
        return len(self._waiting)

    def offer(self, event: Event) -> bool:
        """Add an event, or refuse it where too many wait; from any thread."""
        if len(self._waiting) >= self._limit:
            return False
        self._waiting.append(event)
        self._wake()
        return True

    def end(self) -> None:
        """Let the reader have what waits, then its end; from any thread.

        A mark beside the queue, not in it: in a full one there would be no place for it.
        """
        self._is_over = True
        self._wake()

    async def events(self) -> AsyncGenerator[Event, None]:
        """The events as they come, until the end."""
        while True:
            while self._waiting:
                yield self._waiting.popleft()
            if self._is_over:
                return
            await self._ready.wait()
            self._ready.clear()

    def _wake(self) -> None:
        """Have the loop look at the queue: one turn of it is enough for any number of events."""
        if self._is_waking:
            return
        self._is_waking = True
        with suppress(RuntimeError):  # the loop was closed, hence nobody reads any more
            self.loop.call_soon_threadsafe(self._woken)

    def _woken(self) -> None:
        # In this order: an event that comes between the two asks for another turn.
        self._is_waking = False
        self._ready.set()
