"""Items of a loop's stream, one at a time, for code without a loop."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from snakepit_bridge.errors import WrongCallError

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Generator

    from snakepit_bridge.engine.loop_thread import LoopThread

_END = object()


def blocking_items(
    thread: LoopThread, items: AsyncGenerator[Any, None]
) -> Generator[Any, None, None]:
    """Yield what ``items`` yields on the thread's loop; nothing is fetched ahead of the reader."""
    stream = _Stream(items)
    try:
        while (item := thread.run(stream.next())) is not _END:
            yield item
    finally:
        # Not waited for: the garbage collector may come by here, on any thread, the loop's own
        # included. A closed client has closed its streams.
        with suppress(WrongCallError):
            thread.start(stream.close())


class _Stream:
    """Steps of one asynchronous generator, each in a task of its own and never two at once."""

    def __init__(self, items: AsyncGenerator[Any, None]) -> None:
        self._items = items
        self._turn = asyncio.Lock()

    async def next(self) -> Any:
        async with self._turn:
            return await anext(self._items, _END)

    async def close(self) -> None:
        # A step that was cancelled may still be cleaning up.
        async with self._turn:
            await self._items.aclose()
