"""A stream of a worker's chunks, as a callback in Elixir sees it."""

from __future__ import annotations

import asyncio
import queue
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import aclosing
from typing import TYPE_CHECKING, Any, Self

from snakepit_bridge.engine.loop_thread import LoopThread
from snakepit_bridge.grpc._generated import snakepit_bridge_pb2 as pb
from snakepit_bridge.testing.elixir.answers import ElixirError, chunk_map

if TYPE_CHECKING:
    from types import TracebackType

Chunks = AsyncGenerator[pb.ToolChunk]

SLACK_S = 10.0
"""How much later than its deadline a stream is given up for lost."""


class ElixirStream(Iterator[dict[str, Any]]):
    """Iterates over maps; raises ``ElixirError`` where the stream failed.

    Chunks are read as fast as they come, however slowly this is iterated: they pile up, as they do
    in the BEAM. ``with`` cancels the call at the end of the block.

    Args:
        thread: The loop of the host.
        chunks: Makes the chunks; setting the event ends the turn of the call.
        deadline_s: How long the stream may take.
    """

    def __init__(
        self,
        thread: LoopThread,
        chunks: Callable[[asyncio.Event], Chunks],
        deadline_s: float,
    ) -> None:
        self.chunks: list[pb.ToolChunk] = []
        """As they came, until now."""
        self._thread = thread
        self._turn_over = asyncio.Event()
        self._deadline_s = deadline_s
        self._arrived: queue.SimpleQueue[dict[str, Any] | ElixirError | None] = queue.SimpleQueue()
        self._is_over = False
        self._reading = thread.start(self._read(chunks(self._turn_over)))

    def halt(self) -> None:
        """What ``:halt`` does: nobody listens any more, and the worker goes on."""
        self._is_over = True
        self._thread.start(self._end_turn())

    def cancel(self) -> None:
        """Cancel the call, as it happens when the connection or the caller is gone."""
        self._is_over = True
        self._reading.cancel()

    def __next__(self) -> dict[str, Any]:
        if self._is_over:
            raise StopIteration
        try:
            arrived = self._arrived.get(timeout=self._deadline_s + SLACK_S)
        except queue.Empty as error:
            text = "the stream neither went on nor ended, long after its deadline"
            raise TimeoutError(text) from error
        if isinstance(arrived, dict):
            return arrived
        self._is_over = True
        if arrived is None:
            raise StopIteration
        raise arrived

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.cancel()

    async def _read(self, chunks: Chunks) -> None:
        end: ElixirError | None = None
        try:
            async with aclosing(chunks):
                async for chunk in chunks:
                    self.chunks.append(chunk)
                    self._arrived.put(chunk_map(chunk))
        except ElixirError as error:
            end = error
        finally:
            self._arrived.put(end)

    async def _end_turn(self) -> None:
        self._turn_over.set()
