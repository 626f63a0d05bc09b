"""Engines whose streams are cut as a test wants them."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from typing import Any

from snakepit_bridge.handlers.dspy.door import DSPyDoor
from snakepit_bridge.handlers.dspy.offline import AsyncOfflineEngine, OfflineEngine

THINK = "think:"
"""Begins a delta that is a thought."""


class CutEngine(OfflineEngine):
    """Streams answers in the deltas it was given, or each in pieces of one size."""

    def __init__(
        self,
        answers: Any = (),
        *,
        deltas: list[str] | None = None,
        size: int = 1_000_000,
        response_id: str | None = None,
    ) -> None:
        super().__init__(answers)
        self._deltas = deltas
        self._size = size
        self._response_id = response_id

    def stream(self, request: Any) -> Iterator[Any]:
        types = DSPyDoor().open().lm15
        response = self.complete(request)
        text = response.message.parts[0].text
        deltas = self._deltas or [
            text[begin : begin + self._size] for begin in range(0, len(text), self._size)
        ]
        yield types.StreamStartEvent(id=self._response_id, model=request.model)
        for delta in deltas:
            if delta.startswith(THINK):
                yield types.StreamDeltaEvent(delta=types.ThinkingDelta(text=delta[len(THINK) :]))
            else:
                yield types.StreamDeltaEvent(delta=types.TextDelta(text=delta))
        yield types.StreamEndEvent(finish_reason="stop", usage=response.usage)


class MeetingEngine(AsyncOfflineEngine):
    """Begins answers when so many are asked for, then gives each a delta in turn."""

    def __init__(self, engine: OfflineEngine, *, number: int) -> None:
        super().__init__(engine)
        self._missing = number
        self._all_there = asyncio.Event()

    async def stream(self, request: Any) -> AsyncIterator[Any]:
        self._missing -= 1
        if self._missing == 0:
            self._all_there.set()
        await self._all_there.wait()
        for event in self._engine.stream(request):
            yield event
            await asyncio.sleep(0)


class BreakingEngine(AsyncOfflineEngine):
    """Breaks off its first answer after so many events."""

    def __init__(self, engine: OfflineEngine, *, after: int) -> None:
        super().__init__(engine)
        self._left: int | None = after

    async def stream(self, request: Any) -> AsyncIterator[Any]:
        async for event in super().stream(request):
            if self._left == 0:
                self._left = None
                raise DSPyDoor().open().lm15.ServerError("broken off")
            if self._left:
                self._left -= 1
            yield event


class StuckEngine(AsyncOfflineEngine):
    """Begins an answer and never goes on; tells how it ended."""

    def __init__(self, engine: OfflineEngine) -> None:
        super().__init__(engine)
        self.ended: list[str] = []
        self.has_ended = threading.Event()

    async def stream(self, request: Any) -> AsyncIterator[Any]:
        types = DSPyDoor().open().lm15
        self._engine.complete(request)
        try:
            yield types.StreamStartEvent(id="stuck", model=request.model)
            yield types.StreamDeltaEvent(delta=types.TextDelta(text="[[ ## answer ## ]]\nSo "))
            yield types.StreamDeltaEvent(delta=types.TextDelta(text="far"))
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            self.ended.append("cancelled")
            self.has_ended.set()
            raise


def language_model(engine: OfflineEngine, async_engine: Any = None) -> Any:
    """A model of DSPy's own that asks these engines."""
    return (
        DSPyDoor()
        .open()
        .LM(
            "offline",
            engine=engine,
            async_engine=async_engine or AsyncOfflineEngine(engine),
            cache=False,
            num_retries=0,
        )
    )
