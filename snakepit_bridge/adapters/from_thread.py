"""What plain code yields, for ``async`` code that must not be held up by it."""

from __future__ import annotations

import threading
from collections.abc import AsyncGenerator, Generator, Iterable
from contextlib import closing, suppress
from contextvars import copy_context
from typing import Any

from snakepit_bridge.engine.stream_buffer import StreamBuffer, StreamClosedError

AHEAD = 16
"""Items that plain code may be ahead of the loop that takes them."""

_AT_HAND = (list, tuple, set, frozenset)
"""Collections whose items are there, so that no code runs to get them."""


async def items_from_thread(items: Iterable[Any]) -> AsyncGenerator[Any, None]:
    """The items of plain code, which one thread runs from its beginning to its end.

    It is about ``AHEAD`` items ahead. It has ended once the iterator has: by itself, by an error,
    or because it was closed; a thread that takes no notice of that is waited for.
    """
    if isinstance(items, _AT_HAND):
        for item in items:
            yield item
        return
    pump = _Pump(items)
    # Of its own, not one of a pool: the same object is asked for all items, which may matter to it,
    # and a daemon keeps no process alive.
    threading.Thread(target=copy_context().run, args=(pump.run,), daemon=True).start()
    buffer = pump.buffer
    try:
        while batch := await buffer.take():
            for item in batch:
                yield item
    finally:
        buffer.close()
        await buffer.take()  # returns at the end, for nothing is put any more
    if pump.error is not None:
        raise pump.error


def all_of(items: Iterable[Any]) -> Generator[Any, None, None]:
    """The items; a generator behind them is closed when they are left early."""
    iterator = iter(items)
    try:
        yield from iterator
    finally:
        close = getattr(iterator, "close", None)
        if close is not None:
            close()


class _Pump:
    """Plain code at work on its thread."""

    def __init__(self, items: Iterable[Any]) -> None:
        self.buffer = StreamBuffer(capacity=AHEAD)
        self.error: BaseException | None = None
        self._items = items

    def run(self) -> None:
        """Run the code to its end."""
        try:
            self._put_all()
        # All of it: whoever waits for the items must learn how they ended.
        except BaseException as error:  # noqa: BLE001
            self.error = error
        with suppress(RuntimeError):  # the loop has closed, so nobody waits
            self.buffer.finish()

    def _put_all(self) -> None:
        with suppress(StreamClosedError), closing(all_of(self._items)) as items:
            for item in items:
                self.buffer.put(item)
