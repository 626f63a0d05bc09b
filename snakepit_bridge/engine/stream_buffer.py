"""The bounded buffer between the code that yields items and the transport that sends them."""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from contextlib import suppress
from typing import Any


class StreamClosedError(Exception):
    """The consumer is gone; the producer should end."""


class StreamBuffer:
    """Hands items from one producer, a thread or a task, to one consumer on the loop.

    A producer that is ``capacity`` items ahead waits until the consumer has taken them. The
    consumer takes all there is at once, so at most ``2 * capacity`` items are under way.
    """

    def __init__(self, *, capacity: int) -> None:
        self._capacity = capacity
        self._loop = asyncio.get_running_loop()
        self._room = threading.Condition()
        # All of these belong to the lock of _room; futures are completed on their own loop only.
        self._items: deque[Any] = deque()
        self._finished = False
        self._closed = False
        self._consumer: asyncio.Future[None] | None = None
        self._producer: asyncio.Future[None] | None = None

    def put(self, item: object) -> None:
        """Add an item from a thread; wait for room.

        Raises:
            StreamClosedError: The consumer is gone.
        """
        with self._room:
            while len(self._items) >= self._capacity and not self._closed:
                self._room.wait()
            if self._closed:
                raise StreamClosedError
            self._items.append(item)
            consumer, self._consumer = self._consumer, None
        if consumer is not None:
            self._loop.call_soon_threadsafe(_wake, consumer)

    async def put_on_loop(self, item: object) -> None:
        """Add an item from a task, of this loop or of another; wait for room.

        Raises:
            StreamClosedError: The consumer is gone.
        """
        while True:
            with self._room:
                if self._closed:
                    break
                if len(self._items) < self._capacity:
                    self._add(item)
                    return
                producer = self._producer = asyncio.get_running_loop().create_future()
            await producer
        # Whoever closes the buffer has cancelled the task before. It is to learn that here, not in
        # the midst of its cleaning up.
        await asyncio.sleep(0)
        raise StreamClosedError

    def finish(self) -> None:
        """No more items will come. From any thread, any number of times."""
        with self._room:
            self._finished = True
            consumer, self._consumer = self._consumer, None
        if consumer is not None:
            self._loop.call_soon_threadsafe(_wake, consumer)

    async def take(self) -> list[Any]:
        """All items there are, at least one; an empty list after the last."""
        while True:
            with self._room:
                if self._items:
                    return self._take_all()
                if self._finished:
                    return []
                consumer = self._consumer = self._loop.create_future()
            await consumer

    def close(self) -> None:
        """The consumer is gone: drop what is buffered, free a waiting producer. On the loop."""
        with self._room:
            self._closed = True
            self._take_all()

    def _add(self, item: object) -> None:
        self._items.append(item)
        consumer, self._consumer = self._consumer, None
        if consumer is not None:
            _wake_from_anywhere(consumer)

    def _take_all(self) -> list[Any]:
        batch = list(self._items)
        self._items.clear()
        self._room.notify()
        producer, self._producer = self._producer, None
        if producer is not None:
            _wake_from_anywhere(producer)
        return batch


def _wake_from_anywhere(future: asyncio.Future[None]) -> None:
    loop = future.get_loop()
    if loop is asyncio.get_running_loop():
        _wake(future)
        return
    with suppress(RuntimeError):  # that loop has closed, so nobody waits
        loop.call_soon_threadsafe(_wake, future)


def _wake(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)
