"""The way of events from DSPy's loop to the one that serves."""

from __future__ import annotations

import asyncio
import threading
from contextlib import suppress
from typing import Any

Event = dict[str, Any]

CAPACITY = 256
"""Unread events beyond which those who ``put`` wait."""

MOST_TOLD = 4096
"""Unread events beyond which those of ``tell``, which cannot wait, are left out."""


class EventChannel:
    """Hands events to one reader, on the loop on which the channel was made, in their order.

    The reader takes all there is at once, so that it is woken once for many events. What it has
    taken counts as unread until it comes back.

    Args:
        capacity: Unread events beyond which those who ``put`` wait.
        most_told: Unread events beyond which those of ``tell`` are left out.
    """

    def __init__(self, *, capacity: int = CAPACITY, most_told: int = MOST_TOLD) -> None:
        self._capacity = capacity
        self._most_told = most_told
        self._loop = asyncio.get_running_loop()
        # All below belong to the lock; futures are completed on their own loops only.
        self._lock = threading.Lock()
        self._events: list[Event] = []
        self._taken = 0
        self._left_out = 0
        self._is_finished = False
        self._is_closed = False
        self._reader: asyncio.Future[None] | None = None
        self._producers: list[asyncio.Future[None]] = []

    async def put(self, event: Event) -> None:
        """Add an event, from a task of any loop; wait for room.

        When the reader is gone it is dropped at once.
        """
        while (room := self._put(event)) is not None:
            await room

    def tell(self, event: Event) -> None:
        """Add an event, from anywhere, without waiting.

        Where far too many are unread it is left out, and their number is told in their place.
        """
        with self._lock:
            if self._unread >= self._most_told:
                self._left_out += 1
                return
            reader = self._add(event)
        _wake(reader)

    def finish(self) -> None:
        """No more events will come."""
        with self._lock:
            self._is_finished = True
            reader, self._reader = self._reader, None
        _wake(reader)

    async def take(self) -> list[Event]:
        """All events there are, at least one; none after the last. On the reader's loop."""
        while True:
            with self._lock:
                batch, reader = self._take_all(), None
                if not batch and not self._is_finished:
                    reader = self._reader = self._loop.create_future()
                producers = self._with_room()
            _wake(*producers)
            if reader is None:
                return batch
            await reader

    def close(self) -> None:
        """The reader is gone: drop what there is, free those who wait."""
        with self._lock:
            self._is_closed = True
            self._take_all()
            producers = self._with_room()
        _wake(*producers)

    def _put(self, event: Event) -> asyncio.Future[None] | None:
        """Add an event; where there is no room, returns what tells when there is."""
        with self._lock:
            if not self._is_closed and self._unread >= self._capacity:
                room = asyncio.get_running_loop().create_future()
                self._producers.append(room)
                return room
            reader = self._add(event)
        _wake(reader)
        return None

    # --- under the lock -------------------------------------------------------------------------

    @property
    def _unread(self) -> int:
        return len(self._events) + self._taken

    def _add(self, event: Event) -> asyncio.Future[None] | None:
        """Add an event; returns the reader, if it is to be woken."""
        if not self._is_closed:
            self._events.append(event)
        reader, self._reader = self._reader, None
        return reader

    def _take_all(self) -> list[Event]:
        batch, self._events = self._events, []
        if self._left_out:
            batch.append(_left_out(self._left_out))
            self._left_out = 0
        self._taken = len(batch)
        return batch

    def _with_room(self) -> list[asyncio.Future[None]]:
        """Those who have waited for room that there is now."""
        if self._unread >= self._capacity and not self._is_closed:
            return []
        producers, self._producers = self._producers, []
        return producers


def _left_out(number: int) -> Event:
    text = f"{number} events were left out here: too many had not been read."
    return {"event": "status", "message": text}


def _wake(*waiting: asyncio.Future[None] | None) -> None:
    for future in waiting:
        if future is not None:
            with suppress(RuntimeError):  # its loop has closed, so nobody waits
                future.get_loop().call_soon_threadsafe(_set, future)


def _set(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)
